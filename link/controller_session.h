// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_CONTROLLER_SESSION_H_
#define NODEVOL_LINK_CONTROLLER_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "base/monotonic.h"
#include "link/node_connection.h"
#include "link/numbering.h"
#include "link/remote_storage.h"
#include "link/stream.h"
#include "proto/link.pb.h"

namespace nodevol::link {

// The nodes that a controller replica knows. Thread-safe.
class NodeDirectory {
 public:
  virtual ~NodeDirectory() = default;

  // The storage that stands for the node that said this hello, to which the connection is bound; or
  // why the node is refused.
  virtual absl::StatusOr<std::shared_ptr<RemoteStorage>> Admit(
      const v1::Hello& hello, const std::shared_ptr<NodeConnection>& connection) = 0;
  // What is told of the node's pools, or that all is told, has changed.
  virtual void OnPools(const RemoteStorage& node) = 0;
  // The connection has ended. What the node has claimed over it and not released may be made all
  // the same: `claimed`, names as Claim() was given them.
  virtual void Leave(const std::shared_ptr<RemoteStorage>& node, const NodeConnection& connection,
                     const std::vector<std::string>& claimed) = 0;
  // The node is to make something of a name, at another replica's command. ABORTED when the name is
  // known elsewhere; OK: until the release nobody else is told to make it.
  virtual absl::Status Claim(const RemoteStorage& node, const std::string& name_hash) = 0;
  virtual void Release(const RemoteStorage& node, const std::string& name_hash) = 0;
};

// Who has proved to be a node says hello in this time, or is cut off. It is long for who comes with
// thousands of others to a controller that has just started.
inline constexpr absl::Duration kHelloTimeout = absl::Seconds(30);

// A controller's end of one stream: admits the node, keeps the copy of its inventory, sends
// commands. Thread-safe as StreamUser says.
class ControllerSession final : public StreamUser<v1::NodeMessage, v1::ControllerMessage>,
                                public NodeConnection,
                                public std::enable_shared_from_this<ControllerSession> {
 public:
  // `node_name` is who the peer has proved to be. The directory must outlive the session.
  ControllerSession(std::string node_name, std::string controller, NodeDirectory& directory,
                    absl::Duration hello_timeout = kHelloTimeout)
      : node_name_(std::move(node_name)),
        controller_(std::move(controller)),
        directory_(directory),
        hello_until_(MonotonicNow() + hello_timeout) {}

  // Before the first message.
  void Attach(std::weak_ptr<Stream> stream);
  // Tells the node of operations that nobody waits for any more; ends the stream when it was not
  // said hello on in time. To be called often.
  void CancelAbandoned();
  // Whether nobody waits for a result.
  [[nodiscard]] bool IsIdle() const;

  void OnMessage(v1::NodeMessage message) override;
  std::optional<v1::ControllerMessage> TakeNext() override;
  void OnClosed(const absl::Status& why) override;

  void Send(const storage::OperationContext& context, v1::Command command,
            Callback<v1::Result> done) override;
  void Close(const absl::Status& why) override;

 private:
  struct Pending {
    storage::OperationContext context;
    Callback<v1::Result> done;
    absl::Duration deadline;  // of who waits, on the monotonic clock
    bool sent = false;
    bool cancelled = false;
  };

  void Wake();
  // The next of the queue; whom it drops on the way, because nobody waits for it any more, is
  // added.
  std::optional<v1::ControllerMessage> Take(std::vector<Callback<v1::Result>>& dropped)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Handle(v1::NodeMessage& message);
  absl::Status Welcome(const v1::Hello& hello);
  absl::Status TakeInventory(const v1::Inventory& inventory);
  absl::Status Answer(v1::Result result);
  absl::Status AnswerClaim(const v1::Claim& claim);
  absl::Status Release(uint64_t claim);
  // RESOURCE_EXHAUSTED when the node takes none of many answers.
  absl::Status QueueAnswer(v1::ControllerMessage message);
  // How a command ends whose result can't come any more, or that can't be sent.
  [[nodiscard]] absl::Status Gone() const;
  [[nodiscard]] absl::Status NotSent() const;
  // Takes `done` when OK.
  absl::Status QueueCommand(const storage::OperationContext& context, v1::Command command,
                            Callback<v1::Result>& done);

  const std::string node_name_;
  const std::string controller_;
  NodeDirectory& directory_;
  const absl::Duration hello_until_;  // on the monotonic clock
  // OnMessage's and OnClosed's alone.
  Numbering received_;
  bool deaf_ = false;                    // the node has said what it must not
  std::shared_ptr<RemoteStorage> node_;  // once admitted
  std::map<uint64_t, std::string> claims_;

  mutable absl::Mutex mutex_;
  std::weak_ptr<Stream> stream_ ABSL_GUARDED_BY(mutex_);
  Numbering sent_ ABSL_GUARDED_BY(mutex_);
  bool welcomed_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<v1::ControllerMessage> queue_ ABSL_GUARDED_BY(mutex_);
  size_t answers_ ABSL_GUARDED_BY(mutex_) = 0;  // to claims, in the queue
  // By operation.
  std::map<uint64_t, Pending> pending_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_operation_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_CONTROLLER_SESSION_H_
