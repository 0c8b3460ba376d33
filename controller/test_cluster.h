// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_TEST_CLUSTER_H_
#define NODEVOL_CONTROLLER_TEST_CLUSTER_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "base/bytes.h"
#include "base/monotonic.h"
#include "controller/node_registry.h"
#include "link/fake_held_storage.h"
#include "link/node_session.h"
#include "link/test_pipe.h"
#include "test/support/matchers.h"

// For tests: several replicas and nodes in one process, each node with a stream to each replica.
namespace nodevol::controller {

inline bool Eventually(const std::function<bool()>& condition) {
  const absl::Duration deadline = MonotonicNow() + absl::Seconds(30);
  while (!condition()) {
    if (MonotonicNow() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// Disks that hold creates, refuse deletes, or are not there yet, when the test wants it.
class TestDisks final : public link::FakeHeldStorage {
 public:
  explicit TestDisks(Options options) : FakeHeldStorage(std::move(options)) {}

  // OK: deletes are done again.
  void RefuseDeletes(const absl::Status& why) {
    absl::MutexLock lock(&test_mutex_);
    refusal_ = why;
  }
  size_t refused() const {
    absl::MutexLock lock(&test_mutex_);
    return refused_;
  }
  // There is another pool, which could not be opened since the start.
  void SetUnopened(bool unopened) {
    absl::MutexLock lock(&test_mutex_);
    unopened_ = unopened;
  }
  // The same of the pool itself. To be called while the node is away.
  void SetClosed() {
    absl::MutexLock lock(&test_mutex_);
    closed_ = true;
  }
  void Open() {
    {
      absl::MutexLock lock(&test_mutex_);
      closed_ = false;
    }
    changes().TellPool(IdOf("").pool_uuid());
  }

  std::vector<v1::PoolReport> Pools() const override {
    std::vector<v1::PoolReport> pools = FakeHeldStorage::Pools();
    absl::MutexLock lock(&test_mutex_);
    if (closed_) pools.clear();
    if (closed_ || unopened_) pools.emplace_back().set_name("unopened");
    return pools;
  }

  void DeleteVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                    StatusCallback done) override {
    absl::Status refusal;
    {
      absl::MutexLock lock(&test_mutex_);
      refusal = refusal_;
      if (!refusal.ok()) ++refused_;
    }
    if (!refusal.ok()) return std::move(done)(refusal);
    FakeHeldStorage::DeleteVolume(context, id, std::move(done));
  }

 private:
  mutable absl::Mutex test_mutex_;
  absl::Status refusal_ ABSL_GUARDED_BY(test_mutex_);
  size_t refused_ ABSL_GUARDED_BY(test_mutex_) = 0;
  bool unopened_ ABSL_GUARDED_BY(test_mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(test_mutex_) = false;
};

// A node with its disks.
struct TestNode {
  TestNode(const std::string& name, const std::string& pool_uuid, int64_t bytes, uint64_t epoch = 1,
           const std::string& incarnation = "the process")
      : identity{name, {{"topology.csi.nodevol.io/node", name}}, "test", incarnation},
        disks({.node_id = name, .pool_uuid = pool_uuid, .epoch = epoch, .bytes = bytes}) {}

  const link::NodeIdentity identity;
  TestDisks disks;
  link::ClaimBoard board;
  // One for each replica, in their order. Where one is destroyed the stream has ended at both ends.
  std::vector<std::unique_ptr<link::TestPipe>> pipes;
};

class ClusterTest : public ::testing::Test {
 protected:
  using VolumePtr = storage::VolumePtr;

  static std::string Uuid(int n) { return absl::StrFormat("%032x", n); }

  NodeRegistry& AddReplica(absl::Duration settle_time = absl::ZeroDuration(),
                           absl::Duration forget_node_after = absl::InfiniteDuration()) {
    replicas_.push_back(std::make_unique<NodeRegistry>(
        NodeRegistry::Options{.topology = rpc::Topology("csi.nodevol.io"),
                              .settle_time = settle_time,
                              .forget_node_after = forget_node_after}));
    return *replicas_.back();
  }
  TestNode& AddNode(const std::string& name, int pool, int64_t bytes = 100 * kGiB) {
    nodes_.push_back(std::make_unique<TestNode>(name, Uuid(pool), bytes));
    return *nodes_.back();
  }
  static link::TestPipe& Connect(TestNode& node, NodeRegistry& replica,
                                 link::TestPipe::Hooks hooks = {}) {
    auto session = std::make_shared<link::NodeSession>(
        link::NodeSession::Node{node.identity, node.disks, node.disks, node.board});
    auto controller =
        std::make_shared<link::ControllerSession>(node.identity.name, "test", replica);
    node.pipes.push_back(link::TestPipe::Connect(session, controller, std::move(hooks)));
    return *node.pipes.back();
  }
  // Connects it and waits until the replica knows all that it has.
  static void ConnectWhole(TestNode& node, NodeRegistry& replica) {
    Connect(node, replica);
    ASSERT_TRUE(Eventually([&] {
      const auto found = replica.NodeToAsk(node.disks.IdOf("").pool_uuid());
      return found.ok() && replica.PlaceVolume(Request("probe"), Only(node)).ok();
    }));
  }
  void ConnectAll() {
    for (const auto& node : nodes_) {
      for (const auto& replica : replicas_) ConnectWhole(*node, *replica);
    }
  }

  static v1::VolumeRequest Request(const std::string& name, int64_t bytes = kGiB) {
    v1::VolumeRequest request;
    request.set_name(name);
    request.mutable_capacity_range()->set_required_bytes(bytes);
    request.add_capabilities()->mutable_mount();
    request.mutable_capabilities(0)->set_access_mode(v1::SINGLE_NODE_WRITER);
    return request;
  }
  static Accessibility Only(const TestNode& node) {
    return {{node.identity.name}, {node.identity.name}};
  }

  // A create that was begun.
  struct Call {
    absl::Status Await() {
      ended.WaitForNotification();
      return status;
    }
    absl::Notification ended;
    absl::Status status;
  };
  static std::shared_ptr<Call> Begin(const Place& place, const v1::VolumeRequest& request) {
    auto call = std::make_shared<Call>();
    place.node->CreateVolume(
        {}, request, EndingHold<VolumePtr>(place, [call](const absl::StatusOr<VolumePtr>& made) {
          call->status = made.status();
          call->ended.Notify();
        }));
    return call;
  }
  // The node at which it was made.
  static absl::StatusOr<std::string> Create(NodeRegistry& replica, const v1::VolumeRequest& request,
                                            const Accessibility& accessibility = {}) {
    const absl::StatusOr<Place> place = replica.PlaceVolume(request, accessibility);
    if (!place.ok()) return place.status();
    const absl::Status made = Begin(*place, request)->Await();
    if (!made.ok()) return made;
    return place->node->node_id();
  }
  // Begins a create that the node's disks hold.
  static void BeginHeld(NodeRegistry& replica, TestNode& node, const std::string& name,
                        std::shared_ptr<Call>* call) {
    node.disks.Hold();
    ASSERT_OK_AND_ASSIGN(const Place place, replica.PlaceVolume(Request(name), Only(node)));
    *call = Begin(place, Request(name));
    ASSERT_TRUE(Eventually([&] { return node.disks.held() == 1; }));
  }
  // How many nodes have a volume of the name.
  size_t Copies(const std::string& name) const {
    return static_cast<size_t>(std::count_if(
        nodes_.begin(), nodes_.end(),
        [&name](const auto& node) { return node->disks.FindVolume(name) != nullptr; }));
  }

  std::vector<std::unique_ptr<NodeRegistry>> replicas_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_TEST_CLUSTER_H_
