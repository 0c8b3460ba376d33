// SPDX-License-Identifier: Apache-2.0
#include "controller/page_token.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "storage/ids.h"

namespace nodevol::controller {
namespace {

absl::string_view PrefixOf(ListKind kind) {
  switch (kind) {
    case ListKind::kVolumes:
      return "volumes-after.";
    case ListKind::kSnapshots:
      return "snapshots-after.";
    case ListKind::kVolumeHealth:
      return "health-after.";
  }
  return "";
}

}  // namespace

std::string MakePageToken(ListKind kind, absl::string_view last_id) {
  return absl::StrCat(PrefixOf(kind), last_id);
}

absl::StatusOr<std::string> ParsePageToken(ListKind kind, absl::string_view token) {
  if (token.empty()) return std::string();
  absl::string_view id = token;
  // Ids of all kinds have one grammar.
  if (absl::ConsumePrefix(&id, PrefixOf(kind)) && storage::VolumeId::Parse(id).has_value()) {
    return std::string(id);
  }
  return absl::AbortedError(
      "starting_token is not one that this list gave out; start again without a token");
}

}  // namespace nodevol::controller
