// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_PAGE_TOKEN_H_
#define NODEVOL_CONTROLLER_PAGE_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Page tokens of the list calls. A token holds the last id of its page, so a page begins after it
// whatever was added or deleted meanwhile.
namespace nodevol::controller {

enum class ListKind { kVolumes, kSnapshots, kVolumeHealth };

std::string MakePageToken(ListKind kind, absl::string_view last_id);

// The id in a token; "" for the empty token of a first page. ABORTED for what is no token of this
// list (spec, ListVolumes Errors).
absl::StatusOr<std::string> ParsePageToken(ListKind kind, absl::string_view token);

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_PAGE_TOKEN_H_
