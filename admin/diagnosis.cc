// SPDX-License-Identifier: Apache-2.0
//
// What AdminHandler says to "why can't this volume be made here?".
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "admin/admin_handler.h"
#include "admin/admin_messages.h"
#include "storage/node_check.h"

namespace nodevol::admin {

v1::DiagnoseResponse AdminHandler::Diagnosis(const v1::DiagnoseRequest& request) {
  v1::DiagnoseResponse response;
  *response.mutable_node() = DescribeNode();
  absl::StatusOr<std::vector<storage::PoolVerdict>> verdicts =
      storage_.JudgePools(request.request());
  nodevol::v1::VolumeRecord outline;
  if (verdicts.ok()) {
    for (const storage::PoolVerdict& verdict : *verdicts) {
      *response.add_verdicts() = ToMessage(verdict);
      // What the node lacks is asked for the volume as it would be, where it would be.
      if (verdict.asked_for && !outline.has_image() && !outline.has_directory()) {
        outline = verdict.outline;
      }
    }
    if (const storage::PoolVerdict* const best = storage::BestOf(*verdicts); best != nullptr) {
      outline = best->outline;
      response.set_pool(best->pool);
    }
  } else {
    response.set_refused(std::string(verdicts.status().message()));
  }
  bool node_is_ready = true;
  for (const storage::NodeFinding& finding : storage::CheckNode(outline, request.kubelet_path())) {
    node_is_ready &= finding.severity != storage::NodeFinding::Severity::kProblem;
    *response.add_findings() = ToMessage(finding);
  }
  AddPoolFindings(response);
  response.set_possible(!response.pool().empty() && node_is_ready);
  return response;
}

void AdminHandler::AddPoolFindings(v1::DiagnoseResponse& response) const {
  using Severity = storage::NodeFinding::Severity;
  for (const storage::PoolStatistics& pool : storage_.Statistics()) {
    const std::string subject = absl::StrCat("pool ", pool.name);
    const auto add = [&](Severity severity, const std::string& what) {
      const bool said = absl::c_any_of(response.verdicts(), [&](const v1::PoolVerdict& verdict) {
        return verdict.pool() == pool.name && absl::StrContains(verdict.reason(), what);
      });
      if (said) return;
      *response.add_findings() = ToMessage(storage::NodeFinding{severity, subject, what});
    };
    if (!pool.state.ok()) {
      add(Severity::kWarning, std::string(pool.state.message()));
      continue;
    }
    add(Severity::kOk, absl::StrCat("is ready, on ", pool.filesystem));
    if (!pool.directories.why_none.empty()) {
      add(Severity::kNote,
          absl::StrCat("can't limit the size of directories: ", pool.directories.why_none));
    }
    if (pool.reserve_missing_bytes > 0) {
      add(Severity::kWarning,
          "its reserve is given up, because it was full; free some space, or it can't delete when "
          "it is full again");
    }
    if (pool.damaged > 0) {
      add(Severity::kWarning, absl::StrCat(pool.damaged,
                                           " of its volumes and snapshots can't be used; see "
                                           "nodevol pool check ",
                                           pool.name));
    }
  }
}

}  // namespace nodevol::admin
