// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/json.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "google/protobuf/util/json_util.h"

namespace nodevol::kubernetes {

using google::protobuf::Struct;
using google::protobuf::Value;

bool ParseJson(absl::string_view text, Struct& object) {
  if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(text), "{")) return false;
  return google::protobuf::util::JsonStringToMessage({text.data(), text.size()}, &object).ok();
}

const Value* Find(const Struct& object, const std::vector<std::string>& path) {
  const Struct* within = &object;
  const Value* found = nullptr;
  for (const std::string& name : path) {
    if (within == nullptr) return nullptr;
    const auto entry = within->fields().find(name);
    if (entry == within->fields().end()) return nullptr;
    found = &entry->second;
    within = found->has_struct_value() ? &found->struct_value() : nullptr;
  }
  return found;
}

std::string TextAt(const Struct& object, const std::vector<std::string>& path) {
  const Value* const found = Find(object, path);
  return found == nullptr ? "" : found->string_value();
}

std::vector<std::string> TextsAt(const Struct& object, const std::vector<std::string>& path) {
  std::vector<std::string> texts;
  const Value* const found = Find(object, path);
  if (found == nullptr) return texts;
  for (const Value& value : found->list_value().values()) {
    if (value.kind_case() == Value::kStringValue) texts.push_back(value.string_value());
  }
  return texts;
}

}  // namespace nodevol::kubernetes
