// SPDX-License-Identifier: Apache-2.0
#include "link/controller_session.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "link/limits.h"
#include "link/node_session.h"
#include "link/outcome.h"
#include "storage/ids.h"
#include "storage/object_state.h"

namespace nodevol::link {
namespace {

constexpr size_t kSessionBytes = 16;
// A node claims a name for each create that it does; a replica answers at once.
constexpr size_t kMaxClaims = 8192;
constexpr size_t kMaxSegments = 32;

absl::Status CheckForm(const v1::Hello& hello) {
  const auto is_long = [](const std::string& text) { return text.size() > kMaxTextBytes; };
  const bool is_absurd =
      is_long(hello.driver_version()) || is_long(hello.incarnation()) ||
      hello.topology().size() > kMaxSegments ||
      std::any_of(hello.topology().begin(), hello.topology().end(), [&](const auto& segment) {
        return is_long(segment.first) || is_long(segment.second);
      });
  if (is_absurd) return absl::InvalidArgumentError("the hello says more than any node has to say");
  return RemotePools::CheckReports(hello.pools());
}

}  // namespace

void ControllerSession::Attach(std::weak_ptr<Stream> stream) {
  absl::MutexLock lock(&mutex_);
  stream_ = std::move(stream);
}

void ControllerSession::Wake() {
  std::shared_ptr<Stream> stream;
  {
    absl::MutexLock lock(&mutex_);
    stream = stream_.lock();
  }
  if (stream != nullptr) stream->Wake();
}

void ControllerSession::Close(const absl::Status& why) {
  std::shared_ptr<Stream> stream;
  {
    absl::MutexLock lock(&mutex_);
    stream = stream_.lock();
  }
  if (stream != nullptr) stream->Close(why);
}

absl::Status ControllerSession::Gone() const {
  return WithUnknownOutcome(absl::UnavailableError(
      absl::StrCat("node ", node_name_,
                   " is not connected to this controller any more; whether it has done what it was "
                   "asked is not known, retry when it is back")));
}

absl::Status ControllerSession::NotSent() const {
  return absl::UnavailableError(absl::StrCat(
      "node ", node_name_,
      " is not connected to this controller any more, and was not asked; retry when it is back"));
}

// ---- What is sent ----

std::optional<v1::ControllerMessage> ControllerSession::TakeNext() {
  std::vector<Callback<v1::Result>> dropped;
  std::optional<v1::ControllerMessage> message;
  {
    absl::MutexLock lock(&mutex_);
    // Commands may be there before the Welcome is.
    if (!closed_ && welcomed_) message = Take(dropped);
  }
  for (Callback<v1::Result>& done : dropped) {
    std::move(done)(absl::CancelledError(absl::StrCat(
        "node ", node_name_, " was not asked: nobody waited any more when it could have been")));
  }
  return message;
}

std::optional<v1::ControllerMessage> ControllerSession::Take(
    std::vector<Callback<v1::Result>>& dropped) {
  while (!queue_.empty()) {
    v1::ControllerMessage message = std::move(queue_.front());
    queue_.pop_front();
    if (message.has_claim_answer()) --answers_;
    if (message.has_command()) {
      const auto found = pending_.find(message.command().operation());
      Pending& pending = found->second;
      const absl::Duration left = pending.deadline - MonotonicNow();
      if (left <= absl::ZeroDuration() || pending.context.abandoned()) {
        dropped.push_back(std::move(pending.done));
        pending_.erase(found);
        continue;
      }
      if (left != absl::InfiniteDuration()) {
        *message.mutable_command()->mutable_timeout() =
            google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(left));
      }
      pending.sent = true;
    }
    sent_.Stamp(message);
    return message;
  }
  return std::nullopt;
}

absl::Status ControllerSession::QueueAnswer(v1::ControllerMessage message) {
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return absl::OkStatus();
    if (answers_ >= kMaxClaims) {
      return absl::ResourceExhaustedError("the node claims names and does not take the answers");
    }
    ++answers_;
    queue_.push_back(std::move(message));
  }
  Wake();
  return absl::OkStatus();
}

absl::Status ControllerSession::QueueCommand(const storage::OperationContext& context,
                                             v1::Command command, Callback<v1::Result>& done) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return NotSent();
  if (pending_.size() >= kMaxOperations) {
    return absl::UnavailableError(absl::StrCat("node ", node_name_, " has ", kMaxOperations,
                                               " operations to do; retry when some have ended"));
  }
  command.set_operation(++last_operation_);
  pending_.emplace(command.operation(),
                   Pending{context, std::move(done), MonotonicNow() + context.timeout});
  // Under the same lock: numbers are sent in their order.
  *queue_.emplace_back().mutable_command() = std::move(command);
  return absl::OkStatus();
}

void ControllerSession::Send(const storage::OperationContext& context, v1::Command command,
                             Callback<v1::Result> done) {
  const absl::Status queued = QueueCommand(context, std::move(command), done);
  if (!queued.ok()) return std::move(done)(queued);
  Wake();
}

bool ControllerSession::IsIdle() const {
  absl::MutexLock lock(&mutex_);
  return pending_.empty();
}

void ControllerSession::CancelAbandoned() {
  bool some = false;
  bool mute = false;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    mute = !welcomed_ && MonotonicNow() >= hello_until_;
    for (auto& [operation, pending] : pending_) {
      if (pending.cancelled || !pending.context.abandoned()) continue;
      pending.cancelled = true;
      queue_.emplace_back().mutable_cancel()->set_operation(operation);
      some = true;
    }
  }
  if (some) Wake();
  if (mute) Close(absl::DeadlineExceededError("the node has not said hello"));
}

// ---- What comes ----

void ControllerSession::OnMessage(v1::NodeMessage message) {
  if (deaf_) return;
  const absl::Status handled = Handle(message);
  if (handled.ok()) return;
  deaf_ = true;
  log::Warn("a node's stream is closed",
            {{"node", node_name_}, {"error", handled.message().substr(0, kMaxTextBytes)}});
  Close(handled);
}

absl::Status ControllerSession::Handle(v1::NodeMessage& message) {
  RETURN_IF_ERROR(received_.Check(message));
  if (message.has_hello() != (node_ == nullptr)) {
    return absl::FailedPreconditionError("the hello is the first message, and comes once");
  }
  switch (message.kind_case()) {
    case v1::NodeMessage::kHello:
      return Welcome(message.hello());
    case v1::NodeMessage::kInventory:
      return TakeInventory(message.inventory());
    case v1::NodeMessage::kResult:
      return Answer(std::move(*message.mutable_result()));
    case v1::NodeMessage::kClaim:
      return AnswerClaim(message.claim());
    case v1::NodeMessage::kRelease:
      return Release(message.release().claim());
    default:
      return absl::OkStatus();  // a newer node's, of which nothing depends
  }
}

absl::Status ControllerSession::Welcome(const v1::Hello& hello) {
  if (hello.node_name() != node_name_) {
    return absl::PermissionDeniedError(absl::StrCat("the peer is node \"", node_name_,
                                                    "\" and says that it is \"", hello.node_name(),
                                                    "\"; a node speaks for itself only"));
  }
  if (hello.newest_version() < kOldestVersion || hello.oldest_version() > kNewestVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("node ", node_name_, " speaks versions ", hello.oldest_version(), " to ",
                     hello.newest_version(), " of the protocol, this controller ", kOldestVersion,
                     " to ", kNewestVersion, "; their drivers are too far apart"));
  }
  RETURN_IF_ERROR(CheckForm(hello));
  ASSIGN_OR_RETURN(std::shared_ptr<RemoteStorage> node,
                   directory_.Admit(hello, shared_from_this()));
  v1::ControllerMessage message;
  message.mutable_welcome()->set_version(std::min(hello.newest_version(), kNewestVersion));
  message.mutable_welcome()->set_session(RandomHex(kSessionBytes));
  message.mutable_welcome()->set_controller(controller_);
  received_.SetSession(message.welcome().session());
  {
    absl::MutexLock lock(&mutex_);
    sent_.SetSession(message.welcome().session());
    queue_.push_front(std::move(message));
    welcomed_ = true;
  }
  node_ = std::move(node);
  Wake();
  return absl::OkStatus();
}

absl::Status ControllerSession::TakeInventory(const v1::Inventory& inventory) {
  RETURN_IF_ERROR(node_->pools().Apply(*this, inventory));
  if (inventory.has_pools() || inventory.complete() || !inventory.end_pool().empty()) {
    directory_.OnPools(*node_);
  }
  return absl::OkStatus();
}

absl::Status ControllerSession::Answer(v1::Result result) {
  Callback<v1::Result> done;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = pending_.find(result.operation());
    if (found == pending_.end() || !found->second.sent) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the node answered operation ", result.operation(), ", which it was not asked for"));
    }
    done = std::move(found->second.done);
    pending_.erase(found);
  }
  std::move(done)(std::move(result));
  return absl::OkStatus();
}

absl::Status ControllerSession::AnswerClaim(const v1::Claim& claim) {
  // Hashes of names look like UUIDs.
  if (!storage::IsUuid(claim.name_hash())) {
    return absl::InvalidArgumentError("what the node claims is no hash of a name");
  }
  if (claims_.size() >= kMaxClaims || !claims_.emplace(claim.claim(), claim.name_hash()).second) {
    return absl::FailedPreconditionError("the node claims too many names, or one twice");
  }
  const absl::Status granted = directory_.Claim(*node_, claim.name_hash());
  v1::ControllerMessage message;
  message.mutable_claim_answer()->set_claim(claim.claim());
  if (!granted.ok()) {
    claims_.erase(claim.claim());
    *message.mutable_claim_answer()->mutable_refused() = storage::ToMessage(granted);
  }
  return QueueAnswer(std::move(message));
}

absl::Status ControllerSession::Release(uint64_t claim) {
  const auto found = claims_.find(claim);
  if (found == claims_.end()) return absl::OkStatus();  // it was refused
  directory_.Release(*node_, found->second);
  claims_.erase(found);
  return absl::OkStatus();
}

void ControllerSession::OnClosed(const absl::Status& why) {
  std::map<uint64_t, Pending> pending;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    pending.swap(pending_);
    queue_.clear();
  }
  if (node_ != nullptr) {
    std::vector<std::string> claimed;
    for (const auto& [claim, name_hash] : claims_) claimed.push_back(name_hash);
    directory_.Leave(node_, *this, claimed);
    log::Info("a node's stream has ended", {{"node", node_name_}, {"why", why}});
  }
  for (auto& [operation, call] : pending) std::move(call.done)(call.sent ? Gone() : NotSent());
}

}  // namespace nodevol::link
