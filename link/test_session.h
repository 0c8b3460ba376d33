// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_TEST_SESSION_H_
#define NODEVOL_LINK_TEST_SESSION_H_

#include <memory>
#include <string>
#include <utility>

#include "link/fake_held_storage.h"
#include "link/test_replica.h"
#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::link {

// For tests: a node with disks in memory, and a stream of it to a replica.
class SessionTest : public ::testing::Test {
 protected:
  void Connect(TestPipe::Hooks hooks = {}) { pipe_ = replica_.Connect(Self(), std::move(hooks)); }
  NodeSession::Node Self() { return {identity_, disks_, disks_, board_}; }
  // Why the stream ended.
  absl::Status AwaitEnd() {
    EXPECT_TRUE(storage::Eventually([&] { return !pipe_->ended().ok(); }));
    return pipe_->ended();
  }
  static nodevol::v1::VolumeRequest Request(const std::string& name) {
    nodevol::v1::VolumeRequest request;
    request.set_name(name);
    request.mutable_capacity_range()->set_required_bytes(1 << 20);
    return request;
  }
  absl::StatusOr<storage::VolumePtr> Create(TestReplica& replica, const std::string& name,
                                            const storage::OperationContext& context = {}) {
    return storage::Await<storage::VolumePtr>([&](Callback<storage::VolumePtr> done) {
      replica.storage().CreateVolume(context, Request(name), std::move(done));
    });
  }

  NodeIdentity identity_ = {"node-1", {{"topology.example/node", "node-1"}}, "1.2.3", "first"};
  FakeHeldStorage disks_{{}};
  ClaimBoard board_;
  TestReplica replica_{"node-1"};
  std::unique_ptr<TestPipe> pipe_;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_TEST_SESSION_H_
