// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_STREAM_REACTOR_H_
#define NODEVOL_RPC_STREAM_REACTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/support/server_callback.h"

#include "base/callback.h"
#include "rpc/message_source.h"
#include "rpc/status.h"

namespace nodevol::rpc {

// Sends the messages of a source to the client of one call: one write at a time, and the next
// message is asked for when gRPC has taken the last. In between nothing is held but this object,
// however long the client takes. Deletes itself when the call has ended.
template <typename Message>
class StreamReactor final : public grpc::ServerWriteReactor<Message> {
 public:
  // What is told of the call when it ends: how, and how many messages were sent.
  using Observer = absl::AnyInvocable<void(const absl::Status&, int64_t) &&>;

  // `abandoned` is true once the client is gone or its deadline has passed.
  StreamReactor(std::function<bool()> abandoned, Observer observer)
      : abandoned_(std::move(abandoned)), observer_(std::move(observer)) {}

  // Begins to send; an error is the call's answer.
  void Start(absl::StatusOr<std::unique_ptr<MessageSource<Message>>> source) {
    if (!source.ok()) {
      End(source.status());
      return;
    }
    source_ = *std::move(source);
    Ask();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      End(Gone());
      return;
    }
    ++sent_;
    Ask();
  }
  void OnDone() override { delete this; }

 private:
  static absl::Status Gone() {
    return absl::CancelledError("the client is gone, or its deadline has passed");
  }

  void Ask() {
    if (abandoned_()) {
      End(Gone());
      return;
    }
    // Shared with the catch below: whichever comes first answers.
    auto answer = std::make_shared<AnswerOnce<std::optional<Message>>>(
        [this](absl::StatusOr<std::optional<Message>> message) { Send(std::move(message)); });
    const absl::Status asked = Guarded([&]() -> absl::Status {
      source_->Next([answer](absl::StatusOr<std::optional<Message>> message) {
        answer->Call(std::move(message));
      });
      return absl::OkStatus();
    });
    if (!asked.ok()) answer->Call(asked);
  }

  void Send(absl::StatusOr<std::optional<Message>> message) {
    if (!message.ok() || !message->has_value()) {
      End(message.status());
      return;
    }
    message_ = **std::move(message);
    this->StartWrite(&message_);
  }

  // Nothing of this object may be touched afterwards.
  void End(const absl::Status& status) {
    std::move(observer_)(status, sent_);
    this->Finish(ToGrpcStatus(status));
  }

  const std::function<bool()> abandoned_;
  Observer observer_;
  std::unique_ptr<MessageSource<Message>> source_;
  Message message_;  // being written
  int64_t sent_ = 0;
};

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_STREAM_REACTOR_H_
