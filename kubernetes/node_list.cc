// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/node_list.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"

#include "base/status_macros.h"
#include "kubernetes/json.h"
#include "kubernetes/url.h"

namespace nodevol::kubernetes {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

// Names and UIDs, not what kubelets report of themselves every few seconds.
constexpr char kAccept[] =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
constexpr char kMetadataKind[] = "PartialObjectMetadataList";
constexpr char kFullKind[] = "NodeList";  // of a server that does not know the other
// A server whose pages never end must not fill the memory.
constexpr int kMaxPages = 1000;
constexpr int kAttempts = 3;

absl::Status NoList(absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("the API server's list of nodes is no good: ", why));
}

absl::Status AddPage(const Struct& page, std::vector<NodeObject>& nodes) {
  const std::string kind = TextAt(page, {"kind"});
  const Value* const items = Find(page, {"items"});
  if ((kind != kMetadataKind && kind != kFullKind) || items == nullptr ||
      items->kind_case() != Value::kListValue) {
    return NoList(absl::StrCat("it is \"", kind, "\", or has no items"));
  }
  for (const Value& item : items->list_value().values()) {
    NodeObject node;
    node.name = TextAt(item.struct_value(), {"metadata", "name"});
    node.uid = TextAt(item.struct_value(), {"metadata", "uid"});
    if (node.name.empty() || node.uid.empty()) return NoList("a node has no name or no UID");
    nodes.push_back(std::move(node));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<NodeObject>> ApiNodeObjects::List() {
  absl::StatusOr<std::vector<NodeObject>> nodes = ListOnce();
  for (int again = 1; again < kAttempts && absl::IsOutOfRange(nodes.status()); ++again) {
    nodes = ListOnce();
  }
  if (absl::IsOutOfRange(nodes.status())) return NoList(nodes.status().message());
  if (nodes.ok() && nodes->empty()) return NoList("there is not a single one");
  return nodes;
}

absl::StatusOr<std::vector<NodeObject>> ApiNodeObjects::ListOnce() {
  std::vector<NodeObject> nodes;
  std::string continue_token;
  for (int pages = 0; pages < kMaxPages; ++pages) {
    ASSIGN_OR_RETURN(const Struct page, api_.Get(PathOf(continue_token), kAccept));
    RETURN_IF_ERROR(AddPage(page, nodes));
    continue_token = TextAt(page, {"metadata", "continue"});
    if (continue_token.empty()) return nodes;
  }
  return NoList(absl::StrCat("it has more than ", kMaxPages, " pages"));
}

std::string ApiNodeObjects::PathOf(const std::string& continue_token) const {
  std::string path = absl::StrCat("/api/v1/nodes?limit=", page_);
  if (!continue_token.empty()) absl::StrAppend(&path, "&continue=", UrlEscaped(continue_token));
  return path;
}

}  // namespace nodevol::kubernetes
