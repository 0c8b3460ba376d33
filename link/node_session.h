// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_NODE_SESSION_H_
#define NODEVOL_LINK_NODE_SESSION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "link/claim_board.h"
#include "link/command_runner.h"
#include "link/inventory_feed.h"
#include "link/numbering.h"
#include "link/stream.h"
#include "proto/link.pb.h"
#include "storage/inventory.h"
#include "storage/node_storage.h"

namespace nodevol::link {

// The versions of the protocol that this driver speaks. A new one is spoken only where the other
// side knows it too.
inline constexpr uint32_t kOldestVersion = 1;
inline constexpr uint32_t kNewestVersion = 1;

// Who a node is, and what it has.
struct NodeIdentity {
  std::string name;
  std::map<std::string, std::string> topology;
  std::string driver_version;
  std::string incarnation;  // of this process
};

// A node's end of one stream. Says hello, tells what the node has, runs what the controller
// commands. Thread-safe as StreamUser says.
class NodeSession final : public StreamUser<v1::ControllerMessage, v1::NodeMessage>,
                          public Claimant,
                          public std::enable_shared_from_this<NodeSession> {
 public:
  // All must outlive the session.
  struct Node {
    const NodeIdentity& identity;
    storage::NodeStorage& storage;
    storage::Inventory& inventory;
    ClaimBoard& board;
    // How long the controller may take to answer a claim.
    absl::Duration claim_timeout = absl::Seconds(10);
  };
  explicit NodeSession(const Node& node) : node_(node), runner_(node.storage, node.inventory) {}

  // Before the first message.
  void Attach(std::weak_ptr<Stream> stream);
  // Looks whether the pools' reports have changed, of which nobody tells, and ends the stream of a
  // controller that does not answer claims. To be called often.
  void Refresh();
  // True once the controller has welcomed the node.
  [[nodiscard]] bool welcomed() const;
  // By which the controller's process can be told from others; "" until it has welcomed the node.
  [[nodiscard]] std::string controller() const;

  void OnMessage(v1::ControllerMessage message) override;
  std::optional<v1::NodeMessage> TakeNext() override;
  void OnClosed(const absl::Status& why) override;

  uint64_t Claim(const std::string& name_hash, StatusCallback done) override;
  void Release(uint64_t claim) override;

 private:
  // A claim that is not answered yet.
  struct Asked {
    absl::Duration answer_by;  // on the monotonic clock
    StatusCallback done;
  };

  void Wake();
  void Close(const absl::Status& why);
  absl::Status Handle(v1::ControllerMessage& message);
  absl::Status Start(const v1::Welcome& welcome);
  absl::Status Run(const v1::Command& command);
  void Execute(const v1::Command& command, const std::shared_ptr<Operation>& operation,
               ClaimHold hold);
  void Finish(uint64_t operation, v1::Result result);
  void Cancel(uint64_t operation);
  void AnswerClaim(const v1::ClaimAnswer& answer);
  // Queues what is no inventory; dropped when the stream has ended.
  void Queue(v1::NodeMessage message);
  [[nodiscard]] v1::NodeMessage Hello() const;
  [[nodiscard]] std::optional<v1::NodeMessage> NextOfStream();

  const Node node_;
  CommandRunner runner_;
  // OnMessage's alone.
  Numbering received_;
  bool deaf_ = false;  // the controller has said what it must not

  mutable absl::Mutex mutex_;
  std::weak_ptr<Stream> stream_ ABSL_GUARDED_BY(mutex_);
  Numbering sent_ ABSL_GUARDED_BY(mutex_);
  bool greeted_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  // Set once, by the Welcome.
  std::shared_ptr<InventoryFeed> feed_ ABSL_GUARDED_BY(mutex_);
  std::string controller_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::NodeMessage> queue_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::shared_ptr<Operation>> operations_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_operation_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, Asked> claims_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_claim_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_NODE_SESSION_H_
