// SPDX-License-Identifier: Apache-2.0
#include "rpc/redact.h"

#include <memory>
#include <vector>

#include "google/protobuf/util/json_util.h"

#include "csi/csi.pb.h"

namespace nodevol::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsSensitive(const FieldDescriptor& field) {
  return field.options().GetExtension(csi::v1::csi_secret) || field.name() == "mount_flags";
}

void Redact(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (IsSensitive(*field)) {
      reflection.ClearField(&message, field);
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) {
      continue;
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        Redact(*reflection.MutableRepeatedMessage(&message, field, i));
      }
    } else {
      Redact(*reflection.MutableMessage(&message, field));
    }
  }
}

}  // namespace

std::string RedactedJson(const Message& message) {
  const std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  Redact(*copy);
  std::string json;
  const auto printed = google::protobuf::util::MessageToJsonString(*copy, &json);
  return printed.ok() ? json : "(not printable)";
}

}  // namespace nodevol::rpc
