// SPDX-License-Identifier: Apache-2.0
#include "admin/orphans.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "admin/text.h"
#include "storage/ids.h"

namespace nodevol::admin {
namespace {

// True when the object is an orphan that is old enough; young ones are counted.
template <typename Object>
bool IsOrphan(const Handles& handles, absl::Duration least_age, const Object& object,
              v1::OrphanReport& report) {
  if (object.state() == "damaged" || handles.all.contains(object.id())) return false;
  if (handles.made - absl::FromUnixSeconds(object.created().seconds()) >= least_age) return true;
  report.set_too_young(report.too_young() + 1);
  return false;
}

}  // namespace

absl::StatusOr<Handles> ParseHandles(absl::string_view text) {
  Handles handles;
  handles.cut = !text.empty() && text.back() != '\n';
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    if (line.find_first_of(" \t") != absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, " of the handles, \"", Printable(line.substr(0, 100)),
                       "\", has several words; give one handle a line, as the command in --help "
                       "prints them"));
    }
    if (!handles.all.emplace(line).second) continue;
    // Ids of volumes and of snapshots have the same form.
    if (storage::VolumeId::Parse(line).has_value()) ++handles.ours;
  }
  return handles;
}

absl::Status CheckComplete(const Handles& handles, bool none_expected, absl::string_view option) {
  if (handles.cut) {
    return absl::FailedPreconditionError(
        absl::StrCat(option,
                     ": the list of handles ends within a line, as if it had been cut off; "
                     "it must end with a newline"));
  }
  if (handles.ours > 0 || none_expected) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(option, ": ",
                   handles.all.empty() ? "the list of handles is empty"
                                       : "none of the handles is of this driver",
                   ", as if the command that was to make it had failed; if there really are none, "
                   "say --no-volumes-expected"));
}

void AddOrphans(const Handles& handles, absl::Duration least_age,
                const v1::ListVolumesResponse& volumes, v1::OrphanReport& report) {
  for (const v1::Volume& volume : volumes.volumes()) {
    if (!volume.inline_target_path().empty()) continue;
    if (IsOrphan(handles, least_age, volume, report)) *report.add_volumes() = volume;
  }
}

void AddOrphans(const Handles& handles, absl::Duration least_age,
                const v1::ListSnapshotsResponse& snapshots, v1::OrphanReport& report) {
  for (const v1::Snapshot& snapshot : snapshots.snapshots()) {
    if (IsOrphan(handles, least_age, snapshot, report)) *report.add_snapshots() = snapshot;
  }
}

}  // namespace nodevol::admin
