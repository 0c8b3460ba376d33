// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_TEST_FUZZ_WORLD_H_
#define NODEVOL_LINK_TEST_FUZZ_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/bytes.h"
#include "base/callback.h"
#include "link/claim_board.h"
#include "link/controller_session.h"
#include "link/fake_held_storage.h"
#include "storage/ids.h"
#include "test/support/matchers.h"

// For tests: what the two ends of a stream talk about, which counts what must come out even.
namespace nodevol::link {

// A controller's directory of one node; counts what must come to nothing in the end.
class FuzzDirectory final : public NodeDirectory {
 public:
  RemoteStorage& node() { return *node_; }

  absl::StatusOr<std::shared_ptr<RemoteStorage>> Admit(
      const v1::Hello& hello, const std::shared_ptr<NodeConnection>& connection) override {
    EXPECT_EQ(hello.node_name(), "node-1");
    ++streams_;
    node_->Connect(connection);
    return node_;
  }
  void OnPools(const RemoteStorage& node) override { EXPECT_EQ(&node, node_.get()); }
  void Leave(const std::shared_ptr<RemoteStorage>& node, const NodeConnection& connection,
             const std::vector<std::string>& claimed) override {
    --streams_;
    node->Disconnect(connection);
    for (const std::string& name_hash : claimed) Release(*node, name_hash);
  }
  absl::Status Claim(const RemoteStorage&, const std::string& name_hash) override {
    EXPECT_TRUE(storage::IsUuid(name_hash)) << name_hash;
    if (name_hash.back() < '4') return absl::AbortedError("it is made elsewhere");
    claimed_.insert(name_hash);
    return absl::OkStatus();
  }
  void Release(const RemoteStorage&, const std::string& name_hash) override {
    const auto found = claimed_.find(name_hash);
    ASSERT_NE(found, claimed_.end()) << name_hash << " is not claimed";
    claimed_.erase(found);
  }

  void CheckAllIsOver() const {
    EXPECT_EQ(streams_, 0);
    EXPECT_EQ(claimed_.size(), 0U);
    EXPECT_EQ(node_->connection(), nullptr);
  }

 private:
  const std::shared_ptr<RemoteStorage> node_ = std::make_shared<RemoteStorage>("node-1");
  int streams_ = 0;
  std::multiset<std::string> claimed_;
};

// Another replica that the node is connected to.
class FakeReplica final : public Claimant {
 public:
  uint64_t Claim(const std::string& name_hash, StatusCallback done) override {
    const bool refused = name_hash.back() == '0';
    std::move(done)(refused ? absl::AbortedError("it is made elsewhere") : absl::OkStatus());
    return ++claims_;
  }
  void Release(uint64_t) override { ++releases_; }
  void CheckAllIsOver() const { EXPECT_EQ(claims_, releases_); }

 private:
  uint64_t claims_ = 0;
  uint64_t releases_ = 0;
};

// Disks that hold what a disk can hold.
class FuzzDisks final : public FakeHeldStorage {
 public:
  using FakeHeldStorage::FakeHeldStorage;

  void ExpandVolume(const storage::OperationContext& context, const storage::VolumeId& id,
                    const nodevol::v1::CapacityRange& range,
                    Callback<storage::ExpandedVolume> done) override {
    if (range.required_bytes() > kTiB) {
      return std::move(done)(absl::OutOfRangeError("the disk is not as large"));
    }
    FakeHeldStorage::ExpandVolume(context, id, range, std::move(done));
  }
};

// Calls whose answers are counted: each must have one.
class Calls {
 public:
  template <typename T>
  Callback<T> Next() {
    answers_.push_back(0);
    return [this, call = answers_.size() - 1](const absl::StatusOr<T>&) { ++answers_[call]; };
  }
  StatusCallback NextStatus() { return AnsweringEmpty<Nothing>(Next<Nothing>()); }
  void CheckEachHasOneAnswer() const {
    for (const int answers : answers_) EXPECT_EQ(answers, 1);
  }

 private:
  std::vector<int> answers_;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_TEST_FUZZ_WORLD_H_
