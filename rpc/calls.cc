// SPDX-License-Identifier: Apache-2.0
#include "rpc/calls.h"

#include <chrono>
#include <vector>

#include "absl/time/clock.h"

#include "rpc/redact.h"

namespace nodevol::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// What tells calls apart; nothing else of a request is logged above debug level.
bool IsIdentity(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field.is_repeated() &&
         (field.name() == "name" || field.name() == "volume" || field.name() == "volume_id" ||
          field.name() == "snapshot_id" || field.name() == "base_snapshot_id" ||
          field.name() == "target_snapshot_id" || field.name() == "source_volume_id" ||
          field.name() == "node_id" || field.name() == "group_snapshot_id");
}

// One more than a client's longest id: a hostile one does not fill the log.
constexpr size_t kMaxLoggedBytes = 129;

log::Level LevelOf(const MethodInfo& method, const absl::Status& status) {
  if (absl::IsInternal(status) || absl::IsDataLoss(status) || absl::IsUnknown(status)) {
    return log::Level::kError;
  }
  if (method.quiet && status.ok()) return log::Level::kDebug;
  return log::Level::kInfo;
}

}  // namespace

storage::OperationContext Calls::OperationOf(const grpc::CallbackServerContext& context) {
  storage::OperationContext operation;
  operation.abandoned = [&context] { return context.IsCancelled(); };
  const std::chrono::system_clock::time_point deadline = context.deadline();
  // gRPC tells it on the wall clock, from the duration that the client sent.
  if (deadline != std::chrono::system_clock::time_point::max()) {
    operation.timeout = absl::FromChrono(deadline) - absl::Now();
  }
  return operation;
}

void Calls::LogRequest(const MethodInfo& method, const Message& request) {
  if (!log::Enabled(log::Level::kDebug) || method.quiet) return;
  log::Debug("call", {{"rpc", method.name}, {"request", RedactedJson(request)}});
}

void Calls::Observe(const MethodInfo& method, const Message& request, const absl::Status& status,
                    absl::Duration duration, std::optional<int64_t> messages) {
  metrics_.ObserveCall(method.name, status.code(), duration);
  const log::Level level = LevelOf(method, status);
  if (!log::Enabled(level)) return;
  std::vector<log::Field> fields;
  fields.emplace_back("rpc", method.name);
  const google::protobuf::Descriptor& descriptor = *request.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (!IsIdentity(field)) continue;
    const std::string value = request.GetReflection()->GetString(request, &field);
    if (!value.empty()) fields.emplace_back(field.name(), value.substr(0, kMaxLoggedBytes));
  }
  fields.emplace_back("code", CodeName(status.code()));
  fields.emplace_back("ms", absl::ToDoubleMilliseconds(duration));
  if (messages.has_value()) fields.emplace_back("messages", *messages);
  if (!status.ok()) fields.emplace_back("error", status.message());
  log::Write(level, "answered", fields.data(), fields.data() + fields.size());
}

}  // namespace nodevol::rpc
