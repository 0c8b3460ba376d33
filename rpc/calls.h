// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_CALLS_H_
#define NODEVOL_RPC_CALLS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"

#include "base/callback.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "rpc/message_source.h"
#include "rpc/metrics.h"
#include "rpc/request_check.h"
#include "rpc/status.h"
#include "rpc/stream_reactor.h"
#include "storage/node_storage.h"

namespace nodevol::rpc {

struct MethodInfo {
  absl::string_view name;
  // Asked many times a minute by sidecars and kubelet: logged at debug level only.
  bool quiet = false;
};

// What happens around every call, whichever service it is for: the limits of the spec, one log
// line, metrics, the last-resort catch, the translation of the status. Thread-safe.
class Calls {
 public:
  explicit Calls(Metrics& metrics) : metrics_(metrics) {}

  // Answers one unary call with `handle(context, request, done)`, which runs on gRPC's own thread
  // and so must not block: it answers at once, or has others call `done`, from any thread.
  template <typename Request, typename Response, typename Handle>
  grpc::ServerUnaryReactor* Run(const MethodInfo& method, grpc::CallbackServerContext* context,
                                const Request* request, Response* response, Handle handle) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    // Request, response, context and reactor live until Finish.
    auto finish = [this, method, start = MonotonicNow(), request, response,
                   reactor](absl::StatusOr<Response> result) mutable {
      Observe(method, *request, result.status(), MonotonicNow() - start);
      const grpc::Status status = ToGrpcStatus(result.status());
      if (result.ok()) *response = *std::move(result);
      reactor->Finish(status);
    };
    LogRequest(method, *request);
    const absl::Status valid = CheckRequest(*request);
    if (!valid.ok()) {
      finish(valid);
      return reactor;
    }
    const storage::OperationContext operation = OperationOf(*context);
    // Shared with the catch below: whichever comes first answers.
    auto answer = std::make_shared<AnswerOnce<Response>>(std::move(finish));
    const absl::Status handled = Guarded([&]() -> absl::Status {
      handle(operation, *request, Callback<Response>([answer](absl::StatusOr<Response> result) {
               answer->Call(std::move(result));
             }));
      return absl::OkStatus();
    });
    if (!handled.ok()) answer->Call(handled);
    return reactor;
  }

  // Answers one server-streaming call with the messages of the source that `open(context, request)`
  // gives, or with its error. That runs on gRPC's own thread and must not block; the context is
  // good while the source lives. Once the client is gone the source is asked for nothing more.
  template <typename Message, typename Request, typename Open>
  grpc::ServerWriteReactor<Message>* Stream(const MethodInfo& method,
                                            grpc::CallbackServerContext* context,
                                            const Request* request, Open open) {
    const storage::OperationContext operation = OperationOf(*context);
    auto* const reactor = new StreamReactor<Message>(
        operation.abandoned, [this, method, start = MonotonicNow(), request](
                                 const absl::Status& status, int64_t messages) {
          Observe(method, *request, status, MonotonicNow() - start, messages);
        });
    LogRequest(method, *request);
    reactor->Start(Guarded([&]() -> absl::StatusOr<std::unique_ptr<MessageSource<Message>>> {
      RETURN_IF_ERROR(CheckRequest(*request));
      return open(operation, *request);
    }));
    return reactor;
  }

 private:
  // Good while the call lives.
  static storage::OperationContext OperationOf(const grpc::CallbackServerContext& context);
  static void LogRequest(const MethodInfo& method, const google::protobuf::Message& request);
  // `messages` is how many a stream has sent.
  void Observe(const MethodInfo& method, const google::protobuf::Message& request,
               const absl::Status& status, absl::Duration duration,
               std::optional<int64_t> messages = std::nullopt);

  Metrics& metrics_;
};

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_CALLS_H_
