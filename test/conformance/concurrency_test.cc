// SPDX-License-Identifier: Apache-2.0
//
// Group 19, "Concurrency": several calls for one thing at once have one effect; those that lose may
// be ABORTED. Races inside the plugin are its own affair: test/service/concurrency_test.cc runs
// ours under ThreadSanitizer. That a long operation on one volume does not hold up another needs
// somebody who makes it long: test/service/live_snapshot_test.cc.
#include <functional>
#include <latch>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

#include "test/conformance/fixture.h"
#include "test/conformance/observe.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::IsEmpty;

constexpr int kClients = 8;

class ConcurrencyConformance : public VolumeTest {
 protected:
  // Runs it in as many threads, all let go at once. Returns what each answered.
  static std::vector<absl::Status> AtOnce(int count, const std::function<absl::Status(int)>& run) {
    std::vector<absl::Status> answers(static_cast<size_t>(count));
    std::latch start(count);
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        answers[static_cast<size_t>(i)] = run(i);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return answers;
  }
  // Each is OK or ABORTED, and one at least is OK.
  static void ExpectOneEffect(const std::vector<absl::Status>& answers) {
    int ok = 0;
    for (const absl::Status& answer : answers) {
      EXPECT_THAT(answer, StatusIsEither(StatusCode::kOk, StatusCode::kAborted));
      ok += answer.ok() ? 1 : 0;
    }
    EXPECT_GT(ok, 0);
  }
};

TEST_F(ConcurrencyConformance, OneNameIsOneVolume) {
  for (int round = 0; round < 3; ++round) {
    const csi::v1::CreateVolumeRequest request = VolumeRequest(absl::StrCat("volume-", round));
    absl::Mutex mutex;
    std::set<std::string> ids;
    ExpectOneEffect(AtOnce(kClients, [&](int) {
      const absl::StatusOr<csi::v1::Volume> volume = Create(request);
      if (!volume.ok()) return volume.status();
      absl::MutexLock lock(&mutex);
      ids.insert(volume->volume_id());
      return absl::OkStatus();
    }));
    EXPECT_EQ(ids.size(), 1U) << "several volumes have one name";
    ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, Create(request));
    EXPECT_TRUE(ids.contains(volume.volume_id()));
  }
}

TEST_F(ConcurrencyConformance, OneNameIsOneSnapshot) {
  REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  absl::Mutex mutex;
  std::set<std::string> ids;
  ExpectOneEffect(AtOnce(kClients, [&](int) {
    const absl::StatusOr<csi::v1::Snapshot> snapshot = CreateSnapshot(volume.volume_id());
    if (!snapshot.ok()) return snapshot.status();
    absl::MutexLock lock(&mutex);
    ids.insert(snapshot->snapshot_id());
    return absl::OkStatus();
  }));
  EXPECT_EQ(ids.size(), 1U) << "several snapshots have one name";
}

TEST_F(ConcurrencyConformance, OneVolumeIsStagedPublishedAndTakenDownOnce) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume created, CreateVolume());
  NodeVolume volume = OnNode(created);
  ASSERT_OK(volume.Attach());
  ASSERT_OK(volume.Stage());
  ASSERT_OK(volume.Unstage());
  ExpectOneEffect(AtOnce(kClients, [&](int) { return volume.Stage(); }));
  ExpectOneEffect(AtOnce(kClients, [&](int) { return volume.Publish(); }));
  ASSERT_OK(volume.Publish());
  EXPECT_OK(volume.In().Write("content", "content"));
  ExpectOneEffect(AtOnce(kClients, [&](int) { return volume.Unpublish(); }));
  EXPECT_OK(volume.Unpublish());
  EXPECT_FALSE(Exists(volume.Target())) << "it was mounted more than once";
  ExpectOneEffect(AtOnce(kClients, [&](int) { return volume.Unstage(); }));
  EXPECT_OK(volume.Unstage());
  EXPECT_THAT(MountsBeneath(directory()), IsEmpty());
  ASSERT_OK(volume.Detach());
  ExpectOneEffect(AtOnce(kClients, [&](int) { return DeleteVolume(volume.id()); }));
  EXPECT_OK(DeleteVolume(volume.id()));
}

TEST_F(ConcurrencyConformance, OneVolumeGrowsOnce) {
  REQUIRE_ANNOUNCED(ControllerRpc::EXPAND_VOLUME);
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  csi::v1::ControllerExpandVolumeRequest request;
  request.set_volume_id(volume.volume_id());
  request.mutable_capacity_range()->set_required_bytes(2 * Bytes());
  ExpectOneEffect(AtOnce(kClients, [&](int) {
    return driver().Call(&Controller::ControllerExpandVolume, request).status();
  }));
  ASSERT_OK_AND_ASSIGN(const auto grown,
                       driver().Call(&Controller::ControllerExpandVolume, request));
  EXPECT_GE(grown.capacity_bytes(), 2 * Bytes());
}

// "no more than one call in-flight per volume": of different volumes there are many, and none is
// a reason to refuse another.
TEST_F(ConcurrencyConformance, VolumesOfTheirOwnDoNotMeet) {
  const std::vector<absl::Status> answers = AtOnce(kClients, [&](int number) {
    for (int life = 0; life < 2; ++life) {
      const absl::StatusOr<NodeVolume> started =
          CreateAndStart(absl::StrCat("volume-", number, "-", life));
      if (!started.ok()) return started.status();
      NodeVolume volume = *started;
      absl::Status done = volume.In().Write("content", "content");
      if (done.ok()) done = volume.Stop();
      if (done.ok()) done = DeleteVolume(volume.id());
      if (!done.ok()) return done;
    }
    return absl::OkStatus();
  });
  for (const absl::Status& answer : answers) EXPECT_OK(answer);
}

// All of it at once on a few names: each answer is a decided one, and all can be taken down.
TEST_F(ConcurrencyConformance, ContentionOverAFewNamesIsDecided) {
  const auto decided = [](const absl::Status& status) {
    switch (status.code()) {
      case StatusCode::kOk:
      case StatusCode::kAborted:
      case StatusCode::kNotFound:
      case StatusCode::kFailedPrecondition:
      case StatusCode::kAlreadyExists:
        return true;
      default:
        return false;
    }
  };
  const std::vector<absl::Status> answers = AtOnce(kClients, [&](int number) {
    for (int i = 0; i < 12; ++i) {
      const std::string label = absl::StrCat("volume-", (number + i) % 3);
      const absl::StatusOr<csi::v1::Volume> created = CreateVolume(label);
      if (!decided(created.status())) return created.status();
      if (!created.ok()) continue;
      NodeVolume volume = OnNode(*created, label);
      for (const absl::Status& step :
           {volume.Attach(), volume.Stage(), volume.Publish(), volume.Unpublish(), volume.Unstage(),
            volume.Detach(), DeleteVolume(volume.id())}) {
        if (!decided(step)) return step;
      }
    }
    return absl::OkStatus();
  });
  for (const absl::Status& answer : answers) EXPECT_OK(answer);
}

}  // namespace
}  // namespace nodevol::testing
