// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/startup_taint.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "kubernetes/json.h"
#include "kubernetes/url.h"

namespace nodevol::kubernetes {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr size_t kMaxKey = 253 + 1 + 63;  // a DNS name, a slash, a name

// The node's taints without those of the key.
ListValue Others(const Struct& node, const std::string& key) {
  ListValue others;
  const Value* const taints = Find(node, {"spec", "taints"});
  if (taints == nullptr) return others;
  for (const Value& taint : taints->list_value().values()) {
    if (TextAt(taint.struct_value(), {"key"}) != key) *others.add_values() = taint;
  }
  return others;
}

int Taints(const Struct& node) {
  const Value* const taints = Find(node, {"spec", "taints"});
  return taints == nullptr ? 0 : taints->list_value().values_size();
}

// Whether the list there has an object with this text.
bool Has(const Struct& object, const std::vector<std::string>& list, const std::string& name,
         const std::string& text) {
  const Value* const found = Find(object, list);
  if (found == nullptr) return false;
  const auto& values = found->list_value().values();
  return std::any_of(values.begin(), values.end(), [&name, &text](const Value& value) {
    return TextAt(value.struct_value(), {name}) == text;
  });
}

// Taints have no names of their own in a patch: the list is exchanged, but only for the one that
// was read.
Struct PatchOf(const std::string& resource_version, const ListValue& taints) {
  Struct metadata;
  (*metadata.mutable_fields())["resourceVersion"].set_string_value(resource_version);
  Struct spec;
  *(*spec.mutable_fields())["taints"].mutable_list_value() = taints;
  Struct patch;
  *(*patch.mutable_fields())["metadata"].mutable_struct_value() = metadata;
  *(*patch.mutable_fields())["spec"].mutable_struct_value() = spec;
  return patch;
}

}  // namespace

absl::StatusOr<bool> ApiStartupTaint::Clear(const NodeObject& node) {
  absl::StatusOr<bool> cleared = TryClear(node);
  if (cleared.ok()) return cleared;
  return Annotate(cleared.status(), absl::StrCat("node ", node.name));
}

absl::StatusOr<bool> ApiStartupTaint::TryClear(const NodeObject& node) {
  const std::string path = absl::StrCat("/api/v1/nodes/", UrlEscaped(node.name));
  const absl::StatusOr<Struct> object = api_.Get(path);
  if (absl::IsNotFound(object.status())) return false;
  RETURN_IF_ERROR(object.status());
  if (TextAt(*object, {"metadata", "uid"}) != node.uid) return false;
  const ListValue others = Others(*object, key_);
  if (others.values_size() == Taints(*object)) return true;
  ASSIGN_OR_RETURN(const bool registered, IsRegistered(node));
  if (!registered) return false;
  const std::string version = TextAt(*object, {"metadata", "resourceVersion"});
  if (version.empty()) return absl::UnavailableError("its object has no resourceVersion");
  const absl::Status patched = api_.MergePatch(path, PatchOf(version, others)).status();
  if (absl::IsNotFound(patched)) return false;
  RETURN_IF_ERROR(patched);
  return true;
}

absl::StatusOr<bool> ApiStartupTaint::IsRegistered(const NodeObject& node) {
  const absl::StatusOr<Struct> object =
      api_.Get(absl::StrCat("/apis/storage.k8s.io/v1/csinodes/", UrlEscaped(node.name)));
  if (absl::IsNotFound(object.status())) return false;
  RETURN_IF_ERROR(object.status());
  return Has(*object, {"metadata", "ownerReferences"}, "uid", node.uid) &&
         Has(*object, {"spec", "drivers"}, "name", driver_name_);
}

absl::Status CheckTaintKey(absl::string_view key) {
  const bool plain = std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view("-_./").find(c) != absl::string_view::npos;
  });
  const bool one_slash = std::count(key.begin(), key.end(), '/') <= 1;
  if (plain && one_slash && !key.empty() && key.size() <= kMaxKey &&
      absl::ascii_isalnum(static_cast<unsigned char>(key.front())) &&
      absl::ascii_isalnum(static_cast<unsigned char>(key.back()))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", absl::CHexEscape(key),
      "\" is no key of a taint; write DOMAIN/NAME, without its value and effect, such as "
      "csi.nodevol.io/agent-not-ready"));
}

}  // namespace nodevol::kubernetes
