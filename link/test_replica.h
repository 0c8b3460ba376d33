// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_TEST_REPLICA_H_
#define NODEVOL_LINK_TEST_REPLICA_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "link/controller_session.h"
#include "link/node_session.h"
#include "link/test_pipe.h"

namespace nodevol::link {

// For tests: a controller replica that knows one node, and grants claims as the test wants.
class TestReplica final : public NodeDirectory {
 public:
  explicit TestReplica(std::string node_name)
      : node_(std::make_shared<RemoteStorage>(std::move(node_name))) {}

  RemoteStorage& storage() { return *node_; }

  // A stream of the node to this replica.
  std::unique_ptr<TestPipe> Connect(const NodeSession::Node& node, TestPipe::Hooks hooks = {}) {
    auto session = std::make_shared<ControllerSession>(node.identity.name, "test-replica", *this);
    {
      absl::MutexLock lock(&mutex_);
      session_ = session;
    }
    return TestPipe::Connect(std::make_shared<NodeSession>(node), session, std::move(hooks));
  }
  void CancelAbandoned() {
    std::shared_ptr<ControllerSession> session;
    {
      absl::MutexLock lock(&mutex_);
      session = session_;
    }
    session->CancelAbandoned();
  }
  // Waits until the replica knows all that the node has.
  void AwaitComplete() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](RemoteStorage* node) {
          return node->connection() != nullptr && node->pools().complete();
        },
        node_.get()));
  }
  void AwaitGone() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](RemoteStorage* node) { return node->connection() == nullptr; }, node_.get()));
  }

  // From now on a stream ends when the node opens another.
  void EndFormerStreams() {
    absl::MutexLock lock(&mutex_);
    ends_former_ = true;
  }
  int admitted() const {
    absl::MutexLock lock(&mutex_);
    return admitted_;
  }

  // Names whose claims are refused.
  void Refuse(const std::string& name_hash) {
    absl::MutexLock lock(&mutex_);
    refused_.insert(name_hash);
  }
  std::multiset<std::string> claimed() const {
    absl::MutexLock lock(&mutex_);
    return claimed_;
  }

  absl::StatusOr<std::shared_ptr<RemoteStorage>> Admit(
      const v1::Hello& hello, const std::shared_ptr<NodeConnection>& connection) override {
    absl::MutexLock lock(&mutex_);
    if (hello.node_name() != node_->node_id()) {
      // Another node, of which the test wants to know no more than that it is let in.
      auto other = std::make_shared<RemoteStorage>(hello.node_name());
      other->Connect(connection);
      return other;
    }
    hello_ = hello;
    ++admitted_;
    const std::shared_ptr<NodeConnection> former = node_->connection();
    node_->Connect(connection);
    if (ends_former_ && former != nullptr) {
      former->Close(absl::AbortedError("the node has opened a newer stream"));
    }
    return node_;
  }
  void OnPools(const RemoteStorage&) override {
    absl::MutexLock lock(&mutex_);  // lets AwaitComplete look again
  }
  void Leave(const std::shared_ptr<RemoteStorage>& node, const NodeConnection& connection,
             const std::vector<std::string>& claimed) override {
    absl::MutexLock lock(&mutex_);
    node->Disconnect(connection);
    for (const std::string& name_hash : claimed) claimed_.erase(claimed_.find(name_hash));
  }
  absl::Status Claim(const RemoteStorage&, const std::string& name_hash) override {
    absl::MutexLock lock(&mutex_);
    if (refused_.contains(name_hash)) return absl::AbortedError("it is made elsewhere");
    claimed_.insert(name_hash);
    return absl::OkStatus();
  }
  void Release(const RemoteStorage&, const std::string& name_hash) override {
    absl::MutexLock lock(&mutex_);
    claimed_.erase(claimed_.find(name_hash));
  }
  v1::Hello hello() const {
    absl::MutexLock lock(&mutex_);
    return hello_;
  }

 private:
  const std::shared_ptr<RemoteStorage> node_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<ControllerSession> session_ ABSL_GUARDED_BY(mutex_);
  v1::Hello hello_ ABSL_GUARDED_BY(mutex_);
  int admitted_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ends_former_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::string> refused_ ABSL_GUARDED_BY(mutex_);
  std::multiset<std::string> claimed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_TEST_REPLICA_H_
