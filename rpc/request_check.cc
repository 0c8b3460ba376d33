// SPDX-License-Identifier: Apache-2.0
#include "rpc/request_check.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "base/status_macros.h"
#include "csi/csi.pb.h"

#include <limits.h>

namespace nodevol::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kMaxStringBytes = 128;
constexpr size_t kMaxNodeIdBytes = 256;
constexpr size_t kMaxMapBytes = 4096;
constexpr size_t kMaxFlagsBytes = 4096;

size_t LimitOf(const FieldDescriptor& field) {
  if (absl::EndsWith(field.name(), "_path")) return PATH_MAX - 1;
  if (field.name() == "node_id") return kMaxNodeIdBytes;
  return kMaxStringBytes;
}

// C0 and C1 control characters and DEL in valid UTF-8 (protobuf has checked that). The `allowed`
// ones are no matter.
bool HasControlCharacter(absl::string_view text, absl::string_view allowed = "") {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c0 = c < 0x20 && !absl::StrContains(allowed, text[i]);
    if (c0 || c == 0x7f) return true;
    const bool c1 =
        c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) return true;
  }
  return false;
}

absl::Status Invalid(const FieldDescriptor& field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field.name(), " ", what));
}

absl::Status TooLong(const FieldDescriptor& field, size_t bytes, size_t limit) {
  return Invalid(field, absl::StrCat("has ", bytes, " bytes, the limit is ", limit));
}

absl::Status CheckString(const FieldDescriptor& field, absl::string_view value, size_t limit) {
  if (value.size() > limit) return TooLong(field, value.size(), limit);
  // Of names the spec bans all "other than commonly used whitespace".
  const absl::string_view allowed = field.name() == "name" ? "\t\n\r" : "";
  if (HasControlCharacter(value, allowed)) return Invalid(field, "has control characters");
  return absl::OkStatus();
}

absl::Status CheckMap(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  const bool secret = field.options().GetExtension(csi::v1::csi_secret);
  size_t total = 0;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    const Reflection& entry_reflection = *entry.GetReflection();
    std::vector<const FieldDescriptor*> parts;
    entry_reflection.ListFields(entry, &parts);
    for (const FieldDescriptor* part : parts) {
      if (part->cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
      const std::string value = entry_reflection.GetString(entry, part);
      total += value.size();
      if (!secret && HasControlCharacter(value)) return Invalid(field, "has control characters");
    }
  }
  if (total > kMaxMapBytes) return TooLong(field, total, kMaxMapBytes);
  return absl::OkStatus();
}

absl::Status CheckRepeatedString(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  // Of flags the spec limits the sum, of ids each.
  const bool flags = field.name() == "mount_flags";
  size_t total = 0;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const std::string value = reflection.GetRepeatedString(message, &field, i);
    total += value.size();
    RETURN_IF_ERROR(CheckString(field, value, flags ? kMaxFlagsBytes : LimitOf(field)));
  }
  if (flags && total > kMaxFlagsBytes) return TooLong(field, total, kMaxFlagsBytes);
  return absl::OkStatus();
}

absl::Status CheckField(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_map()) return CheckMap(message, field);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    if (field.is_repeated()) return CheckRepeatedString(message, field);
    return CheckString(field, reflection.GetString(message, &field), LimitOf(field));
  }
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return absl::OkStatus();
  if (!field.is_repeated()) return CheckRequest(reflection.GetMessage(message, &field));
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    RETURN_IF_ERROR(CheckRequest(reflection.GetRepeatedMessage(message, &field, i)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRequest(const Message& request) {
  std::vector<const FieldDescriptor*> fields;
  request.GetReflection()->ListFields(request, &fields);
  for (const FieldDescriptor* field : fields) RETURN_IF_ERROR(CheckField(request, *field));
  return absl::OkStatus();
}

}  // namespace nodevol::rpc
