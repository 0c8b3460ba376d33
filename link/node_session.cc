// SPDX-License-Identifier: Apache-2.0
#include "link/node_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "link/limits.h"
#include "link/result.h"
#include "storage/object_state.h"

namespace nodevol::link {
namespace {

// Of what waits for the controller to take it.
constexpr size_t kMaxQueued = 4 * kMaxOperations;

absl::Status OutOfOrder(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(what, " came out of order"));
}

}  // namespace

void NodeSession::Attach(std::weak_ptr<Stream> stream) {
  {
    absl::MutexLock lock(&mutex_);
    stream_ = std::move(stream);
  }
  Wake();
}

bool NodeSession::welcomed() const {
  absl::MutexLock lock(&mutex_);
  return feed_ != nullptr;
}

std::string NodeSession::controller() const {
  absl::MutexLock lock(&mutex_);
  return controller_;
}

void NodeSession::Refresh() {
  const absl::Duration now = MonotonicNow();
  bool overdue = false;
  {
    absl::MutexLock lock(&mutex_);
    overdue = std::any_of(claims_.begin(), claims_.end(),
                          [now](const auto& claim) { return now >= claim.second.answer_by; });
  }
  if (!overdue) return Wake();
  // It hangs. Others would wait for it with all that they have made here.
  Close(absl::DeadlineExceededError(absl::StrCat("the controller has not answered a claim for ",
                                                 absl::FormatDuration(node_.claim_timeout),
                                                 "; it is connected to anew")));
}

void NodeSession::Wake() {
  std::shared_ptr<Stream> stream;
  {
    absl::MutexLock lock(&mutex_);
    stream = stream_.lock();
  }
  if (stream != nullptr) stream->Wake();
}

void NodeSession::Close(const absl::Status& why) {
  std::shared_ptr<Stream> stream;
  {
    absl::MutexLock lock(&mutex_);
    stream = stream_.lock();
  }
  if (stream != nullptr) stream->Close(why);
}

// ---- What is sent ----

v1::NodeMessage NodeSession::Hello() const {
  v1::NodeMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_oldest_version(kOldestVersion);
  hello.set_newest_version(kNewestVersion);
  hello.set_node_name(node_.identity.name);
  hello.set_driver_version(node_.identity.driver_version);
  hello.set_incarnation(node_.identity.incarnation);
  for (const auto& [key, value] : node_.identity.topology) (*hello.mutable_topology())[key] = value;
  for (nodevol::v1::PoolReport& pool : node_.inventory.Pools()) {
    *hello.add_pools() = std::move(pool);
  }
  return message;
}

std::optional<v1::NodeMessage> NodeSession::TakeNext() {
  std::optional<v1::NodeMessage> next = NextOfStream();
  if (!next.has_value()) return next;
  absl::MutexLock lock(&mutex_);
  if (closed_) return std::nullopt;
  sent_.Stamp(*next);
  return next;
}

std::optional<v1::NodeMessage> NodeSession::NextOfStream() {
  std::shared_ptr<InventoryFeed> feed;
  bool queued = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!greeted_) {
      greeted_ = true;
    } else {
      if (feed_ == nullptr) return std::nullopt;  // the Welcome comes first
      feed = feed_;
    }
    queued = !queue_.empty();
  }
  if (feed == nullptr) return Hello();
  // What an operation has changed is told before its result, and before its name is released:
  // whoever hears of these finds it in the inventory.
  if (!queued || feed->HasChanges()) {
    // What is queued may be the names that were claimed when the stream began: with the inventory
    // they are the whole truth, which is not told before them.
    if (std::optional<v1::Inventory> part = feed->TakeNext(/*may_complete=*/!queued);
        part.has_value()) {
      v1::NodeMessage message;
      *message.mutable_inventory() = *std::move(part);
      return message;
    }
  }
  absl::MutexLock lock(&mutex_);
  if (!queued || queue_.empty()) return std::nullopt;
  v1::NodeMessage message = std::move(queue_.front());
  queue_.pop_front();
  return message;
}

void NodeSession::Queue(v1::NodeMessage message) {
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    queue_.push_back(std::move(message));
  }
  Wake();
}

// ---- What comes ----

void NodeSession::OnMessage(v1::ControllerMessage message) {
  if (deaf_) return;
  const absl::Status handled = Handle(message);
  if (handled.ok()) return;
  deaf_ = true;
  log::Warn("the controller's stream is closed: it sent what it must not",
            {{"error", handled.message().substr(0, kMaxTextBytes)}});
  Close(handled);
}

absl::Status NodeSession::Handle(v1::ControllerMessage& message) {
  if (message.has_welcome()) {
    if (welcomed()) return OutOfOrder("a second welcome");
    if (message.session().empty() || message.session() != message.welcome().session()) {
      return absl::FailedPreconditionError("the welcome does not say what stream it is of");
    }
    received_.SetSession(message.session());
    RETURN_IF_ERROR(received_.Check(message));
    return Start(message.welcome());
  }
  if (!welcomed()) return OutOfOrder("a message before the welcome");
  RETURN_IF_ERROR(received_.Check(message));
  switch (message.kind_case()) {
    case v1::ControllerMessage::kCommand:
      return Run(message.command());
    case v1::ControllerMessage::kCancel:
      Cancel(message.cancel().operation());
      return absl::OkStatus();
    case v1::ControllerMessage::kClaimAnswer:
      AnswerClaim(message.claim_answer());
      return absl::OkStatus();
    default:
      return absl::OkStatus();  // a newer controller's, of which nothing depends
  }
}

absl::Status NodeSession::Start(const v1::Welcome& welcome) {
  if (welcome.version() < kOldestVersion || welcome.version() > kNewestVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the controller speaks version ", welcome.version(),
                     " of the protocol, this node ", kOldestVersion, " to ", kNewestVersion));
  }
  std::shared_ptr<InventoryFeed> feed =
      InventoryFeed::Create(node_.inventory, [self = weak_from_this()] {
        if (const std::shared_ptr<NodeSession> session = self.lock(); session != nullptr) {
          session->Wake();
        }
      });
  // Before anything is taken from the feed: what is being made is claimed before the inventory,
  // which does not have it yet, is complete.
  node_.board.Join(shared_from_this());
  {
    absl::MutexLock lock(&mutex_);
    sent_.SetSession(welcome.session());
    controller_ = welcome.controller();
    feed_ = std::move(feed);
  }
  Wake();
  return absl::OkStatus();
}

absl::Status NodeSession::Run(const v1::Command& command) {
  const auto operation = std::make_shared<Operation>(command);
  bool full = false;
  {
    absl::MutexLock lock(&mutex_);
    if (command.operation() <= last_operation_) return OutOfOrder("a command");
    if (queue_.size() >= kMaxQueued) {
      return absl::ResourceExhaustedError("the controller commands and does not take the results");
    }
    last_operation_ = command.operation();
    full = operations_.size() >= kMaxOperations;
    if (!full) operations_[command.operation()] = operation;
  }
  if (full) {
    Finish(
        command.operation(),
        ToResult(absl::UnavailableError(absl::StrCat("node ", node_.identity.name, " has ",
                                                     kMaxOperations, " operations to do; retry"))));
    return absl::OkStatus();
  }
  const std::string name = CommandRunner::ClaimedName(command);
  if (name.empty()) {
    Execute(command, operation, {});
    return absl::OkStatus();
  }
  node_.board.Claim(
      *this, name, [self = shared_from_this(), command, operation](absl::StatusOr<ClaimHold> hold) {
        if (hold.ok()) {
          self->Execute(command, operation, *std::move(hold));
        } else {
          self->Finish(command.operation(), ToResult(hold.status()));
        }
      });
  return absl::OkStatus();
}

void NodeSession::Execute(const v1::Command& command, const std::shared_ptr<Operation>& operation,
                          ClaimHold hold) {
  runner_.Run(command, operation,
              [self = shared_from_this(), number = command.operation(),
               held = std::move(hold)](v1::Result result) mutable {
                self->Finish(number, std::move(result));
                held = {};
              });
}

void NodeSession::Finish(uint64_t operation, v1::Result result) {
  {
    absl::MutexLock lock(&mutex_);
    operations_.erase(operation);
  }
  result.set_operation(operation);
  v1::NodeMessage message;
  *message.mutable_result() = std::move(result);
  Queue(std::move(message));
}

void NodeSession::Cancel(uint64_t operation) {
  absl::MutexLock lock(&mutex_);
  // Not there: its result is on the way.
  if (const auto found = operations_.find(operation); found != operations_.end()) {
    found->second->Cancel();
  }
}

// ---- Claims ----

uint64_t NodeSession::Claim(const std::string& name_hash, StatusCallback done) {
  v1::NodeMessage message;
  uint64_t claim = 0;
  StatusCallback nobody_to_ask;
  {
    absl::MutexLock lock(&mutex_);
    claim = ++last_claim_;
    if (closed_) {
      nobody_to_ask = std::move(done);
    } else {
      claims_[claim] = Asked{MonotonicNow() + node_.claim_timeout, std::move(done)};
    }
  }
  if (nobody_to_ask != nullptr) {
    std::move(nobody_to_ask)(absl::OkStatus());
    return claim;
  }
  message.mutable_claim()->set_claim(claim);
  message.mutable_claim()->set_name_hash(name_hash);
  Queue(std::move(message));
  return claim;
}

void NodeSession::Release(uint64_t claim) {
  v1::NodeMessage message;
  message.mutable_release()->set_claim(claim);
  Queue(std::move(message));
}

void NodeSession::AnswerClaim(const v1::ClaimAnswer& answer) {
  StatusCallback done;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = claims_.find(answer.claim());
    if (found == claims_.end()) return;
    done = std::move(found->second.done);
    claims_.erase(found);
  }
  std::move(done)(storage::FromMessage(answer.refused()));
}

void NodeSession::OnClosed(const absl::Status&) {
  node_.board.Leave(*this);
  absl::flat_hash_map<uint64_t, Asked> claims;
  std::shared_ptr<InventoryFeed> feed;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    claims.swap(claims_);
    queue_.clear();
    feed = std::move(feed_);
    // Nobody can be told: what leaves no trace is abandoned, the rest ends as it would.
    for (auto& [number, operation] : operations_) operation->Cancel();
  }
  for (auto& [claim, asked] : claims) std::move(asked.done)(absl::OkStatus());
}

}  // namespace nodevol::link
