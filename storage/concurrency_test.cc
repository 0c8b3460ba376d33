// SPDX-License-Identifier: Apache-2.0
//
// Many callers at once, and the end of the driver among them.
#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"

#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Runs work(0), work(1), ... on threads of their own that begin together.
void RunTogether(int threads, const std::function<void(int)>& work) {
  std::latch ready(threads);
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      ready.arrive_and_wait();
      work(i);
    });
  }
  for (std::thread& thread : all) thread.join();
}

class ConcurrencyTest : public KindTest {};

INSTANTIATE_TEST_SUITE_P(Kinds, ConcurrencyTest,
                         ::testing::Values(DirectoryOnBtrfs(), Ext4OnXfs(), BlockOnXfs()),
                         KindName);

TEST_P(ConcurrencyTest, OneNameIsOneVolumeHoweverManyCreateIt) {
  absl::Mutex mutex;
  std::set<std::string> ids;
  RunTogether(32, [&](int) {
    const absl::StatusOr<VolumePtr> volume = node().Create(RequestFor(kind(), "a"));
    if (volume.ok()) {
      absl::MutexLock lock(&mutex);
      ids.insert((*volume)->id());
    } else {
      EXPECT_THAT(volume, StatusIs(absl::StatusCode::kAborted, HasSubstr("retry")));
    }
  });
  EXPECT_THAT(ids, SizeIs(1));
  EXPECT_THAT(node().Entries("volumes"), SizeIs(1));
  EXPECT_THAT(node().Entries(".nodevol/staging"), IsEmpty());
  EXPECT_EQ(node().Statistics().promised_bytes, kind().bytes);
}

TEST_P(ConcurrencyTest, SpaceIsNotPromisedTwice) {
  const int64_t size = node().Available() / 4 / kSizeUnit * kSizeUnit;
  absl::Mutex mutex;
  size_t made = 0;
  RunTogether(8, [&](int i) {
    const auto volume = node().Create(RequestFor(kind(), absl::StrCat("v", i), size));
    if (!volume.ok()) {
      EXPECT_THAT(volume, StatusIs(absl::StatusCode::kResourceExhausted));
      return;
    }
    absl::MutexLock lock(&mutex);
    ++made;
  });
  EXPECT_GE(made, 3U);
  EXPECT_LE(made, 4U);
  EXPECT_THAT(node().Entries("volumes"), SizeIs(made));
  EXPECT_EQ(node().Statistics().promised_bytes, static_cast<int64_t>(made) * size);
}

TEST_P(ConcurrencyTest, VolumesComeAndGoWithoutMeetingEachOther) {
  RunTogether(4, [&](int thread) {
    for (int i = 0; i < 4; ++i) {
      const auto volume = node().Create(RequestFor(kind(), absl::StrCat(thread, "-", i)));
      ASSERT_OK(volume);
      ASSERT_OK(node().Snapshot(absl::StrCat(thread, "-", i), *volume));
      EXPECT_OK(node().Delete(*volume));
    }
  });
  EXPECT_THAT(node().Entries("volumes"), IsEmpty());
  EXPECT_THAT(node().Entries("snapshots"), SizeIs(16));
  EXPECT_TRUE(node().TrashEmpties());
}

TEST_P(ConcurrencyTest, SecondOperationOnABusyVolumeIsAborted) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().Create(RequestFor(kind(), "a")));
  const auto busy = StatusIs(absl::StatusCode::kAborted, HasSubstr(volume->id()));
  EXPECT_OK(node().OnVolume(volume, [&](LocalVolume&) -> absl::Status {
    EXPECT_THAT(node().Delete(volume), busy);
    EXPECT_THAT(node().Expand(volume, 2 * kind().bytes), busy);
    EXPECT_THAT(node().Snapshot("s", volume), busy);
    EXPECT_THAT(node().Create(RequestForCopy(kind(), "clone", volume)), busy);
    EXPECT_THAT(node().Create(RequestFor(kind(), "a")), StatusIs(absl::StatusCode::kAborted));
    EXPECT_THAT(node().OnVolume(volume, [](LocalVolume&) { return absl::OkStatus(); }), busy);
    // Others do not wait for it, and asking does not either.
    EXPECT_OK(node().Create(RequestFor(kind(), "b")));
    EXPECT_OK(node().storage().GetVolume(*VolumeId::Parse(volume->id())));
    return absl::OkStatus();
  }));
  EXPECT_OK(node().Snapshot("s", volume));
  EXPECT_OK(node().Delete(volume));
}

TEST_P(ConcurrencyTest, EndFinishesWhatWasBegun) {
  constexpr int kCalls = 12;
  absl::BlockingCounter answered(kCalls);
  std::atomic<int> made = 0;
  for (int i = 0; i < kCalls; ++i) {
    node().storage().CreateVolume({}, RequestFor(kind(), absl::StrCat("v", i), kind().bytes),
                                  [&](const absl::StatusOr<VolumePtr>& volume) {
                                    if (volume.ok()) ++made;
                                    answered.DecrementCount();
                                  });
  }
  node().Close();
  answered.Wait();
  ASSERT_OK(node().Open());
  EXPECT_THAT(node().Entries("volumes"), SizeIs(made.load()));
  for (const VolumePtr& volume : node().storage().ListVolumes({}).entries) {
    node().storage().DeleteVolume({}, *VolumeId::Parse(volume->id()), [](const absl::Status&) {});
  }
  node().Close();
  ASSERT_OK(node().Open());
  EXPECT_THAT(node().Entries("volumes"), IsEmpty());
}

TEST_P(ConcurrencyTest, NothingIsTakenAfterTheDrain) {
  EXPECT_TRUE(node().storage().Drain(absl::InfiniteDuration()));
  EXPECT_THAT(node().Create(RequestFor(kind(), "a")), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(node().storage().Drain(absl::ZeroDuration()));
}

}  // namespace
}  // namespace nodevol::storage
