// SPDX-License-Identifier: Apache-2.0
#include "storage/group_request.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "storage/volume_spec.h"

namespace nodevol::storage {
namespace {

// Each member in use has a few descriptors open, and a thread while it is frozen and copied.
constexpr int kMaxMembers = 128;

bool SameParameters(const ParameterMap& a, const ParameterMap& b) {
  return a.size() == b.size() && absl::c_all_of(a, [&b](const auto& entry) {
           const auto found = b.find(entry.first);
           return found != b.end() && found->second == entry.second;
         });
}

// A VolumeGroupSnapshotClass has its deletionPolicy as a field, which no driver sees. Upstream's
// tests of drivers write it among the parameters as well.
absl::Status CheckGroupParameters(ParameterMap parameters) {
  parameters.erase("deletionPolicy");
  return CheckSnapshotParameters(parameters);
}

absl::Status Differs(const v1::GroupSnapshotRecord& existing, absl::string_view what) {
  return absl::AlreadyExistsError(absl::StrCat("group snapshot \"", existing.request().name(),
                                               "\" exists with another ", what,
                                               "; use another name"));
}

}  // namespace

absl::StatusOr<std::vector<VolumeId>> ParseGroupRequest(const v1::GroupSnapshotRequest& request) {
  RETURN_IF_ERROR(CheckGroupParameters(request.parameters()));
  if (request.source_volume_ids().empty()) {
    return absl::InvalidArgumentError("source_volume_ids is required");
  }
  if (request.source_volume_ids_size() > kMaxMembers) {
    return absl::InvalidArgumentError(absl::StrCat("source_volume_ids has ",
                                                   request.source_volume_ids_size(),
                                                   " volumes; a group has at most ", kMaxMembers));
  }
  std::vector<VolumeId> volumes;
  std::set<std::string> seen;
  absl::Status unknown;
  for (const std::string& text : request.source_volume_ids()) {
    if (!seen.insert(text).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("source_volume_ids names volume ", text, " twice; name each once"));
    }
    if (std::optional<VolumeId> id = VolumeId::Parse(text); id.has_value()) {
      volumes.push_back(*std::move(id));
    } else {
      unknown.Update(
          absl::NotFoundError(absl::StrCat("source volume \"", text, "\" does not exist")));
    }
  }
  RETURN_IF_ERROR(unknown);
  absl::c_sort(volumes, [](const VolumeId& a, const VolumeId& b) { return a.text() < b.text(); });
  return volumes;
}

absl::Status CheckSameGroup(const v1::GroupSnapshotRecord& existing,
                            const v1::GroupSnapshotRequest& request) {
  const auto& made_of = existing.request().source_volume_ids();
  const auto& asked = request.source_volume_ids();
  if (std::set<std::string>(made_of.begin(), made_of.end()) !=
      std::set<std::string>(asked.begin(), asked.end())) {
    return Differs(existing, "set of volumes");
  }
  if (!SameParameters(existing.request().parameters(), request.parameters())) {
    return Differs(existing, "set of parameters");
  }
  return absl::OkStatus();
}

absl::Status CheckGroupMembers(const v1::GroupSnapshotRecord& group,
                               const std::vector<std::string>& snapshot_ids) {
  for (const std::string& id : snapshot_ids) {
    if (!IsMemberOf(group, id)) {
      return absl::InvalidArgumentError(absl::StrCat("snapshot_ids: \"", id,
                                                     "\" is no member of group snapshot ",
                                                     group.id(), "; name its members"));
    }
  }
  for (const std::string& id : group.snapshot_ids()) {
    if (!absl::c_linear_search(snapshot_ids, id)) {
      return absl::InvalidArgumentError(absl::StrCat("snapshot_ids: ", id,
                                                     ", a member of group snapshot ", group.id(),
                                                     ", is missing; name all its members"));
    }
  }
  return absl::OkStatus();
}

bool IsMemberOf(const v1::GroupSnapshotRecord& group, absl::string_view snapshot_id) {
  return absl::c_linear_search(group.snapshot_ids(), snapshot_id);
}

}  // namespace nodevol::storage
