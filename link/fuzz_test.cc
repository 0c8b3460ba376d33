// SPDX-License-Identifier: Apache-2.0
//
// A node and a controller talk, and what one of them says is made wrong on its way: nothing that it
// says may bring the other down, keep it busy, or make it believe what can't be. Each round depends
// on its seed alone and on no clock.
//
//   NODEVOL_FUZZ_ROUNDS   of each side, 400 unless said otherwise
//   NODEVOL_FUZZ_SEED     of the first round, 1 unless said otherwise; each has one more
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/stubs/logging.h"

#include "base/bytes.h"
#include "base/log.h"
#include "link/test_fuzz_world.h"
#include "link/test_mutator.h"
#include "link/test_talk.h"
#include "storage/ids.h"
#include "test/support/matchers.h"

namespace nodevol::link {
namespace {

using storage::SnapshotId;
using storage::VolumeId;
using storage::VolumePtr;

constexpr char kOtherPool[] = "fedcba9876543210fedcba9876543210";
constexpr uint64_t kNames = 6;
constexpr int64_t kSecondsOfAnHour = 3600;
// Far more than a round has: what goes on longer has no end.
constexpr size_t kMostMessages = 20'000;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  uint64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

std::string NameOf(uint64_t number) { return absl::StrCat("v", number); }

enum class Hostile { kNode, kController };

class Round {
 public:
  Round(uint64_t seed, Hostile hostile) : mutator_(seed), hostile_(hostile) {
    for (const std::string& pool : {PoolUuid(), std::string(kOtherPool)}) {
      mutator_.Know(pool);
      for (uint64_t name = 0; name < kNames; ++name) {
        mutator_.Know(VolumeId::ForName(pool, NameOf(name)).text());
      }
    }
    mutator_.Know(VolumeId::HashOfName(NameOf(0)));
    mutator_.Know("node-1");
    for (uint64_t name = 0; name < kNames; name += 2) disks_.Put(NameOf(name));
    board_.Join(replica_);
  }

  void Run() {
    Carry();
    for (uint64_t steps = 5 + mutator_.Below(20); steps > 0; --steps) {
      Step();
      Carry();
      if (hostile_ == Hostile::kNode) CheckCopy();
      if (::testing::Test::HasFailure()) return;
    }
    disks_.LetGo();
    Carry();
    CheckResults();
    at_node_.End(absl::UnavailableError("the round is over"));
    at_controller_.End(absl::UnavailableError("the round is over"));
    CheckCopy();
    CheckDisks();
    calls_.CheckEachHasOneAnswer();
    directory_.CheckAllIsOver();
    replica_->CheckAllIsOver();
  }

 private:
  std::string PoolUuid() const { return std::string(disks_.IdOf("").pool_uuid()); }
  VolumeId AnyVolume() {
    const std::string pool = mutator_.OneIn(8) ? kOtherPool : PoolUuid();
    return VolumeId::ForName(pool, NameOf(mutator_.Below(kNames)));
  }
  storage::OperationContext AnyContext() {
    storage::OperationContext context;
    if (mutator_.OneIn(8)) context.abandoned = [] { return true; };
    if (mutator_.OneIn(8)) context.timeout = absl::Hours(1);
    return context;
  }

  // ---- What happens ----

  void Step() {
    switch (mutator_.Below(8)) {
      case 0:
        disks_.Put(NameOf(mutator_.Below(kNames)));
        return;
      case 1:
        disks_.Erase(NameOf(mutator_.Below(kNames)));
        return;
      case 2:
        if (mutator_.OneIn(2)) {
          disks_.Hold();
        } else {
          disks_.LetGo();
        }
        return;
      case 3:
        at_controller_.session().CancelAbandoned();
        at_node_.session().Refresh();
        return;
      case 4:
        board_.Claim(*replica_, VolumeId::HashOfName(NameOf(mutator_.Below(kNames))),
                     calls_.Next<ClaimHold>());
        return;
      default:
        Command();
    }
  }

  void Command() {
    RemoteStorage& node = directory_.node();
    const storage::OperationContext context = AnyContext();
    const VolumeId id = AnyVolume();
    const std::string name = NameOf(mutator_.Below(kNames));
    switch (mutator_.Below(11)) {
      case 0:
        return node.DeleteVolume(context, id, calls_.NextStatus());
      case 1:
        return node.ExpandVolume(context, id, {}, calls_.Next<storage::ExpandedVolume>());
      case 2:
        return node.ModifyVolume(context, id, {}, calls_.Next<VolumePtr>());
      case 3:
        return node.PublishVolume(context, id, {}, calls_.Next<VolumePtr>());
      case 4:
        return node.UnpublishVolume(context, id, "", calls_.NextStatus());
      case 5: {
        nodevol::v1::SnapshotRequest request;
        request.set_name(name);
        request.set_source_volume_id(id.text());
        return node.CreateSnapshot(context, request, calls_.Next<storage::SnapshotPtr>());
      }
      case 6:
        return node.DeleteSnapshot(context, SnapshotId::ForName(PoolUuid(), name),
                                   calls_.NextStatus());
      case 7: {
        auto target = std::make_shared<nodevol::v1::SnapshotRecord>();
        target->set_id(id.text());
        target->set_size_bytes(kMiB);
        return node.ListBlocks(context, {.target = std::move(target), .base = nullptr},
                               calls_.Next<storage::BlockPage>());
      }
      case 8: {
        nodevol::v1::GroupSnapshotRequest request;
        request.set_name(name);
        request.add_source_volume_ids(id.text());
        return node.CreateGroupSnapshot(context, request, calls_.Next<storage::GroupSnapshot>());
      }
      default: {
        nodevol::v1::VolumeRequest request;
        request.set_name(name);
        return node.CreateVolume(context, request, calls_.Next<VolumePtr>());
      }
    }
  }

  // ---- The stream ----

  // Carries messages until nobody has any, or one end has closed the stream; now and then some are
  // left for later.
  void Carry() {
    for (bool some = true; some;) {
      some = false;
      while (std::optional<v1::NodeMessage> message = at_node_.Hear()) {
        some = true;
        FromNode(*std::move(message));
      }
      if (mutator_.OneIn(20)) return;
      while (std::optional<v1::ControllerMessage> message = at_controller_.Hear()) {
        some = true;
        FromController(*std::move(message));
      }
      if (!at_node_.closed().ok()) at_controller_.End(at_node_.closed());
      if (!at_controller_.closed().ok()) at_node_.End(at_controller_.closed());
      ASSERT_LT(carried_, kMostMessages);
    }
  }

  void FromNode(v1::NodeMessage message) {
    if (message.has_result()) ++results_[message.result().operation()];
    if (hostile_ == Hostile::kNode) {
      Tamper(std::move(message), nodes_, at_controller_);
    } else {
      Deliver(message, at_controller_);
    }
  }
  void FromController(v1::ControllerMessage message) {
    if (message.has_welcome()) {
      nodes_.numbering.SetSession(message.welcome().session());
      controllers_.numbering.SetSession(message.welcome().session());
    }
    if (hostile_ == Hostile::kController) {
      Tamper(std::move(message), controllers_, at_node_);
    } else {
      Deliver(message, at_node_);
    }
  }

  // What one side has said in this round.
  template <typename Message>
  struct Said {
    Numbering numbering;
    std::vector<Message> messages;
  };

  // Has the message arrive, or others in its place, numbered as if they were right.
  template <typename Message, typename Talk>
  void Tamper(Message message, Said<Message>& said, Talk& to) {
    std::vector<Message> instead = {message};
    if (mutator_.OneIn(3)) mutator_.Mutate(instead.back());
    // The first message decides whether there is a second.
    if (!said.messages.empty()) {
      if (mutator_.OneIn(25)) instead.push_back(message);
      if (mutator_.OneIn(25)) instead.insert(instead.begin(), mutator_.OneOf(said.messages));
      if (mutator_.OneIn(25)) {
        instead.push_back(mutator_.OneOf(said.messages));
        mutator_.Mutate(instead.back());
      }
      if (mutator_.OneIn(25)) instead.pop_back();
    }
    said.messages.push_back(std::move(message));
    for (Message& next : instead) {
      if (!to.closed().ok()) return;
      said.numbering.Stamp(next);
      const bool wrong = mutator_.OneIn(150);
      if (wrong && mutator_.OneIn(2)) {
        next.set_session(absl::StrCat(next.session(), "0"));
      } else if (wrong) {
        next.set_sequence(next.sequence() + 1 + mutator_.Below(2));
      }
      Deliver(next, to);
      EXPECT_TRUE(!wrong || !to.closed().ok()) << next.ShortDebugString();
    }
  }

  template <typename Message, typename Talk>
  void Deliver(const Message& message, Talk& to) {
    ++carried_;
    Message arrived;
    if (!arrived.ParseFromString(message.SerializeAsString())) {
      to.End(absl::InternalError("it is no message"));  // as gRPC does
      return;
    }
    if (to.closed().ok()) Note(arrived);
    to.SayAsIs(std::move(arrived));
  }
  void Note(v1::NodeMessage&) {}
  void Note(v1::ControllerMessage& message) {
    if (!message.has_command()) return;
    ++commands_[message.command().operation()];
    // What would be in time or late, as the clock has it, is late.
    const bool soon = message.command().timeout().seconds() >= 0 &&
                      message.command().timeout().seconds() < kSecondsOfAnHour;
    if (message.command().has_timeout() && soon)
      message.mutable_command()->mutable_timeout()->Clear();
  }

  // ---- What must hold ----

  // Each command that the node has taken has one result, when nothing is left to be carried.
  void CheckResults() {
    for (const auto& [operation, results] : results_) {
      EXPECT_EQ(results, 1) << operation;
      EXPECT_TRUE(commands_.contains(operation)) << operation;
    }
    if (!at_node_.closed().ok() || at_node_.Hear().has_value()) return;
    for (const auto& [operation, times] : commands_) {
      EXPECT_EQ(times, 1) << operation;
      EXPECT_TRUE(results_.contains(operation)) << operation;
    }
  }

  // What the controller believes can be true.
  void CheckCopy() {
    RemoteStorage& node = directory_.node();
    const std::vector<RemotePool> pools = node.pools().pools();
    EXPECT_LE(pools.size(), static_cast<size_t>(RemotePools::kMaxPools));
    for (const RemotePool& pool : pools) {
      EXPECT_GE(pool.report.available_bytes(), 0);
      if (pool.catalog == nullptr) continue;
      EXPECT_EQ(pool.catalog->pool_uuid, pool.report.uuid());
      CheckIndex(pool.catalog->volumes, pool.report.uuid());
      CheckIndex(pool.catalog->snapshots, pool.report.uuid());
      CheckIndex(pool.catalog->groups, pool.report.uuid());
      for (const VolumePtr& volume : pool.catalog->volumes.After("", kMostMessages)) {
        EXPECT_GE(volume->size_bytes(), 0);
      }
    }
    std::string last;
    for (const VolumePtr& volume : node.ListVolumes({}).entries) {
      EXPECT_LT(last, volume->id());
      last = volume->id();
    }
    for (uint64_t name = 0; name < kNames; ++name) {
      const VolumePtr found = node.FindVolume(NameOf(name));
      if (found == nullptr) continue;
      EXPECT_EQ(VolumeId::Parse(found->id())->name_hash(), VolumeId::HashOfName(NameOf(name)));
    }
    (void)node.ListVolumeHealth({});
    const absl::StatusOr<storage::Capacity> capacity = node.GetCapacity({});
    EXPECT_TRUE(!capacity.ok() || capacity->available >= capacity->maximum_volume);
  }
  template <typename Record>
  static void CheckIndex(const storage::ObjectIndex<Record>& index, const std::string& pool_uuid) {
    EXPECT_LE(index.size(), kMostMessages);
    for (const std::string& text : index.IdsAfter("", kMostMessages)) {
      const std::optional<VolumeId> id = VolumeId::Parse(text);
      ASSERT_TRUE(id.has_value()) << text;
      EXPECT_EQ(id->pool_uuid(), pool_uuid);
    }
    for (const auto& record : index.After("", kMostMessages)) {
      EXPECT_TRUE(index.Find(record->id()).ok());
    }
  }

  // The node has made nothing but what it was asked for, in its own pool.
  void CheckDisks() {
    for (const VolumePtr& volume : disks_.ListVolumes({}).entries) {
      EXPECT_EQ(volume->id(), disks_.IdOf(volume->request().name()).text());
      EXPECT_GT(volume->size_bytes(), 0);
    }
    for (const storage::SnapshotPtr& snapshot : disks_.ListSnapshots({}, "").entries) {
      EXPECT_EQ(snapshot->id(), SnapshotId::ForName(PoolUuid(), snapshot->request().name()).text());
    }
  }

  TestMutator mutator_;
  const Hostile hostile_;
  const NodeIdentity identity_ = {"node-1", {{"topology.example/node", "node-1"}}, "1", "one"};
  FuzzDisks disks_{{}};
  ClaimBoard board_;
  const std::shared_ptr<FakeReplica> replica_ = std::make_shared<FakeReplica>();
  FuzzDirectory directory_;
  Calls calls_;
  // No clock has a part in it.
  TalkAsController at_node_{std::make_shared<NodeSession>(
      NodeSession::Node{identity_, disks_, disks_, board_, absl::InfiniteDuration()})};
  TalkAsNode at_controller_{
      std::make_shared<ControllerSession>("node-1", "fuzz", directory_, absl::InfiniteDuration())};
  Said<v1::NodeMessage> nodes_;
  Said<v1::ControllerMessage> controllers_;
  size_t carried_ = 0;
  // How often the node was given an operation, and has told its result.
  std::map<uint64_t, int> commands_;
  std::map<uint64_t, int> results_;
};

class FuzzTest : public ::testing::TestWithParam<Hostile> {
 protected:
  // Each stream that is closed would be a line, and so would be each message that is none.
  static void SetUpTestSuite() {
    log::Init(log::Level::kError, log::Format::kText);
    google::protobuf::SetLogHandler(nullptr);
  }
};

INSTANTIATE_TEST_SUITE_P(Sides, FuzzTest, ::testing::Values(Hostile::kNode, Hostile::kController),
                         [](const auto& side) {
                           return std::string(side.param == Hostile::kNode ? "Node" : "Controller");
                         });

TEST_P(FuzzTest, NothingThatOneSaysHarmsTheOther) {
  const uint64_t first = FromEnvironment("NODEVOL_FUZZ_SEED", 1);
  const uint64_t rounds = FromEnvironment("NODEVOL_FUZZ_ROUNDS", 400);
  for (uint64_t seed = first; seed < first + rounds; ++seed) {
    // Of a crash this is all that is left.
    if ((seed - first) % 100 == 0) std::printf("NODEVOL_FUZZ_SEED=%ju and up\n", uintmax_t{seed});
    std::fflush(stdout);
    SCOPED_TRACE(absl::StrCat("NODEVOL_FUZZ_SEED=", seed, " NODEVOL_FUZZ_ROUNDS=1"));
    Round(seed, GetParam()).Run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace nodevol::link
