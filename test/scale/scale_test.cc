// SPDX-License-Identifier: Apache-2.0
//
// A controller as a process of its own, and many simulated nodes that connect to it: what it knows
// of them, through everything that happens to either side. Built with a sanitizer, the driver ends
// with its report, which then is the test's failure.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/bytes.h"
#include "base/monotonic.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "test/client/grpc_environment.h"
#include "test/scale/cluster_view.h"
#include "test/scale/controller_stand.h"
#include "test/scale/fleet.h"
#include "test/scale/process_usage.h"
#include "test/scale/volume_list.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using ::testing::HasSubstr;

const auto* const grpc_environment = ::testing::AddGlobalTestEnvironment(new GrpcEnvironment);

constexpr size_t kNodes = 200;
constexpr size_t kVolumesPerNode = 20;
constexpr size_t kTenth = kNodes / 10;
constexpr int32_t kPageEntries = 97;  // no page ends where a node does
// Too few for all nodes: the controller has to help itself.
constexpr rlim_t kFewDescriptors = 128;
static_assert(kFewDescriptors < kNodes);
constexpr absl::Duration kPatience = absl::Minutes(10);

// Polls until the check is OK.
absl::Status Await(const std::function<absl::Status()>& check) {
  const absl::Duration deadline = MonotonicNow() + kPatience;
  while (true) {
    const absl::Status now = check();
    if (now.ok() || MonotonicNow() > deadline) return now;
    absl::SleepFor(absl::Milliseconds(20));
  }
}

class ScaleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    rlimit descriptors = {};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    descriptors.rlim_cur = kFewDescriptors;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &descriptors), 0);
    ASSERT_OK_AND_ASSIGN(controller_, ControllerStand::Create());
    // Raises the limit of this process again.
    ASSERT_OK_AND_ASSIGN(fleet_, Fleet::Make({.nodes = kNodes,
                                              .volumes_per_node = kVolumesPerNode,
                                              .controller = controller_->address(),
                                              .dials_at_once = kNodes},
                                             controller_->authority()));
    fleet_->OpenAll();
    Connect();
    ASSERT_OK(AwaitKnown());
  }
  void TearDown() override {
    view_.reset();
    fleet_.reset();
    if (controller_ == nullptr) return;
    EXPECT_OK(controller_->Stop());
  }

  void Connect() { view_ = std::make_unique<ClusterView>(controller_->socket_path()); }
  ClusterView& view() { return *view_; }
  Fleet& fleet() { return *fleet_; }
  ControllerStand& controller() { return *controller_; }
  static std::string NameOf(absl::string_view what, size_t node) {
    return absl::StrCat(what, "-", node);
  }

  // Whether the controller says of the open nodes, and of the volumes of all, what is true.
  absl::Status CheckKnown() {
    if (fleet().connected() < fleet().open()) {
      return absl::UnavailableError(absl::StrCat(fleet().connected(), " of ", fleet().open(),
                                                 " nodes are connected; ",
                                                 fleet().Trouble().ToString()));
    }
    RETURN_IF_ERROR(CheckRoom());
    ASSIGN_OR_RETURN(const VolumeList listed, view().ListVolumes(kPageEntries));
    return CheckSameVolumes(listed, fleet().Volumes());
  }
  absl::Status CheckRoom() {
    ASSIGN_OR_RETURN(const int64_t available, view().Available(""));
    if (available == fleet().AvailableBytes()) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("the controller knows of ", available,
                                            " bytes of room, the nodes have ",
                                            fleet().AvailableBytes()));
  }
  absl::Status AwaitKnown() {
    return Await([this] { return CheckKnown(); });
  }

  // One volume at each of the nodes, by several clients at once.
  absl::Status CreateAtEach(const std::vector<size_t>& nodes) {
    constexpr size_t kClients = 8;
    return FirstError(InParallel(kClients, [&](size_t client) -> absl::Status {
      for (size_t i = client; i < nodes.size(); i += kClients) {
        RETURN_IF_ERROR(CreateAt(nodes[i]));
      }
      return absl::OkStatus();
    }));
  }
  absl::Status CreateAt(size_t index) {
    const SimulatedNode& node = fleet().node(index);
    const std::string name = NameOf("made", index);
    absl::StatusOr<std::string> id;
    // A node whose volumes are listed may have to say yet that these are all.
    Await([&] {
      id = view().CreateVolume(name, node.name());
      return absl::IsUnavailable(id.status()) ? id.status() : absl::OkStatus();
    }).IgnoreError();
    RETURN_IF_ERROR(id.status());
    if (*id != node.storage().IdOf(name).text() || node.storage().FindVolume(name) == nullptr) {
      return absl::InternalError(absl::StrCat(*id, " is not at ", node.name()));
    }
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<ControllerStand> controller_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<ClusterView> view_;
};

// Volumes that are made and deleted at each tenth node, by other hands than the controller's, until
// this is gone.
class Passing {
 public:
  explicit Passing(Fleet& fleet) : fleet_(fleet), thread_([this] { Run(); }) {}
  ~Passing() {
    ended_ = true;
    thread_.join();
  }
  Passing(const Passing&) = delete;
  Passing& operator=(const Passing&) = delete;

  // Returns when all of the nodes have changed again.
  void AwaitRound() const {
    const int now = rounds_;
    // One may have been under way.
    while (rounds_ < now + 2) absl::SleepFor(absl::Milliseconds(1));
  }

 private:
  static constexpr int kNames = 5;

  void Run() {
    for (; !ended_; ++rounds_) {
      for (size_t node = 0; node < fleet_.size(); node += 10) {
        MemoryStorage& storage = fleet_.node(node).storage();
        storage.Put(NameAt(node, rounds_));
        storage.Erase(NameAt(node, rounds_ + 2));
      }
      absl::SleepFor(absl::Milliseconds(5));
    }
  }
  static std::string NameAt(size_t node, int round) {
    return absl::StrCat("passing-", node, "-", round % kNames);
  }

  Fleet& fleet_;
  std::atomic<bool> ended_ = false;
  std::atomic<int> rounds_ = 0;
  std::thread thread_;
};

TEST_F(ScaleTest, EachNodeIsKnownWithItsRoom) {
  for (const size_t index : {size_t{0}, kNodes / 2, kNodes - 1}) {
    const SimulatedNode& node = fleet().node(index);
    EXPECT_THAT(view().Available(node.name()),
                IsOkAndHolds(node.storage().Pools().front().available_bytes()))
        << node.name();
  }
  EXPECT_THAT(view().Available("another"), IsOkAndHolds(0));
}

TEST_F(ScaleTest, PagesHaveEachVolumeOnceWhileOthersComeAndGo) {
  constexpr int kLists = 3;
  const VolumeList steady = fleet().Volumes();
  const std::set<VolumeList::value_type> kept(steady.begin(), steady.end());
  int lists = 0;
  size_t passed = 0;
  {
    const Passing passing(fleet());
    ASSERT_OK(Await([&]() -> absl::Status {
      ASSIGN_OR_RETURN(VolumeList listed,
                       view().ListVolumes(kPageEntries, [&passing] { passing.AwaitRound(); }));
      std::set<std::string> ids;
      for (const VolumeList::value_type& volume : listed) ids.insert(volume.first);
      EXPECT_EQ(ids.size(), listed.size()) << "some are listed twice";
      passed += std::erase_if(listed, [&](const auto& volume) { return !kept.contains(volume); });
      EXPECT_OK(CheckSameVolumes(listed, steady));
      // Those that pass are to have been in the way.
      return ++lists >= kLists && passed > 0
                 ? absl::OkStatus()
                 : absl::UnavailableError(absl::StrCat(passed, " passing volumes were listed"));
    }));
  }
  EXPECT_OK(AwaitKnown());
}

TEST_F(ScaleTest, VolumesAreMadeAndDeletedAtTheNodesThatWereAskedFor) {
  std::vector<size_t> nodes;
  for (size_t i = 0; i < kNodes; i += 3) nodes.push_back(i);
  ASSERT_OK(CreateAtEach(nodes));
  ASSERT_OK(CreateAtEach(nodes)) << "again: each is there";
  ASSERT_OK(CheckKnown()) << "what was answered is in the lists";
  for (const size_t index : nodes) {
    const MemoryStorage& storage = fleet().node(index).storage();
    const std::string name = NameOf("made", index);
    ASSERT_OK(view().DeleteVolume(storage.IdOf(name).text()));
    EXPECT_EQ(storage.FindVolume(name), nullptr);
  }
  EXPECT_OK(CheckKnown());
}

TEST_F(ScaleTest, ControllerThatIsStartedAgainKnowsAllAgain) {
  ASSERT_OK(CreateAtEach({7, 70}));
  ASSERT_OK_AND_ASSIGN(const VolumeList before, view().ListVolumes(0));
  EXPECT_EQ(before.size(), kNodes * kVolumesPerNode + 2);

  controller().Kill();
  EXPECT_OK(Await([this] {
    return fleet().connected() == 0 ? absl::OkStatus()
                                    : absl::InternalError("nodes are connected to nobody");
  }));
  ASSERT_OK(controller().Start());
  Connect();
  ASSERT_OK(AwaitKnown());
  ASSERT_OK_AND_ASSIGN(const VolumeList after_kill, view().ListVolumes(0));
  EXPECT_OK(CheckSameVolumes(after_kill, before));

  ASSERT_OK(controller().Stop()) << "with all nodes connected";
  ASSERT_OK(controller().Start());
  Connect();
  ASSERT_OK(AwaitKnown());
  ASSERT_OK_AND_ASSIGN(const VolumeList after_end, view().ListVolumes(0));
  EXPECT_OK(CheckSameVolumes(after_end, before));
  EXPECT_OK(CreateAtEach({7, 70, 170})) << "two of them are there";
}

TEST_F(ScaleTest, NodesThatGoAreListedAndNotUsedUntilTheyComeBack) {
  const VolumeList all = fleet().Volumes();
  fleet().Close(0, kTenth);
  EXPECT_OK(Await([this] { return CheckRoom(); }));
  ASSERT_OK_AND_ASSIGN(const VolumeList meanwhile, view().ListVolumes(kPageEntries));
  EXPECT_OK(CheckSameVolumes(meanwhile, all));
  SimulatedNode& away = fleet().node(0);
  const std::string first = Fleet::VolumeName(0, 0);
  EXPECT_THAT(view().DeleteVolume(away.storage().IdOf(first).text()),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(view().CreateVolume("new", away.name()),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(CreateAt(kTenth)) << "the next node is not";

  away.storage().Erase(first);
  away.storage().Put("made meanwhile");
  fleet().Open(0, kTenth);
  ASSERT_OK(AwaitKnown());
  EXPECT_OK(CreateAt(0));
  EXPECT_OK(view().DeleteVolume(away.storage().IdOf("made meanwhile").text()));
  EXPECT_OK(CheckKnown());
}

TEST_F(ScaleTest, NodesThatComeAndGoAllTheTimeAreKnownInTheEnd) {
  constexpr int kTimes = 5;
  for (int time = 0; time < kTimes; ++time) {
    for (size_t first = 0; first < kNodes; first += 2 * kTenth) {
      fleet().Close(first, kTenth);
      fleet().Open(first, kTenth);
    }
  }
  EXPECT_OK(AwaitKnown());
}

TEST(CheckSameVolumes, SaysWhatDiffers) {
  const VolumeList both = {{"a", "node-1"}, {"b", "node-2"}};
  EXPECT_OK(CheckSameVolumes(both, both));
  EXPECT_THAT(
      CheckSameVolumes({{"a", "node-1"}}, both),
      StatusIs(absl::StatusCode::kInternal, HasSubstr("nothing is listed instead of b at node-2")));
  EXPECT_THAT(CheckSameVolumes({{"a", "node-1"}, {"b", "node-1"}}, both),
              StatusIs(absl::StatusCode::kInternal,
                       HasSubstr("b at node-1 is listed instead of b at node-2")));
}

TEST(UsageOf, GrowsWithWhatAProcessDoes) {
  constexpr int64_t kBytes = 64 * kMiB;
  ASSERT_OK_AND_ASSIGN(const ProcessUsage before, UsageOf(::getpid()));
  const std::string memory(kBytes, 'x');
  ASSERT_OK_AND_ASSIGN(ProcessUsage now, UsageOf(::getpid()));
  EXPECT_GT(now.resident_bytes, before.resident_bytes + kBytes / 2);
  EXPECT_GE(now.peak_resident_bytes, before.resident_bytes + kBytes / 2);
  EXPECT_EQ(memory.back(), 'x') << "it was there all the time";
  const absl::Duration deadline = MonotonicNow() + kPatience;
  while (now.processor == before.processor && MonotonicNow() < deadline) {
    ASSERT_OK_AND_ASSIGN(now, UsageOf(::getpid()));
  }
  EXPECT_GT(now.processor, before.processor);
  EXPECT_FALSE(UsageOf(-1).ok());
}

}  // namespace
}  // namespace nodevol::testing
