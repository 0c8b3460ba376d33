// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_ORPHANS_H_
#define NODEVOL_ADMIN_ORPHANS_H_

#include <cstddef>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "proto/admin.pb.h"

// Volumes and snapshots that nobody in Kubernetes knows. Whoever lists them may go on to delete
// them, so every doubt is for the volume.
namespace nodevol::admin {

// The handles of all PersistentVolumes, or of all VolumeSnapshotContents.
struct Handles {
  std::set<std::string, std::less<>> all;
  // How many of them are ids as this driver gives them, on whichever node.
  size_t ours = 0;
  // The text ends within a line: it was perhaps cut off.
  bool cut = false;
  // When the list was made.
  absl::Time made = absl::InfiniteFuture();
};

// One in each line; space around them and empty lines don't count. INVALID_ARGUMENT for a line with
// several words: that is the output of another command.
absl::StatusOr<Handles> ParseHandles(absl::string_view text);

// OK when the list can be believed to be all there are. FAILED_PRECONDITION when none of the
// handles is ours, unless `none_expected`, or when it was cut off. `option` names it in the error.
absl::Status CheckComplete(const Handles& handles, bool none_expected, absl::string_view option);

// Adds to the report what has no handle and was at least this old when the list was made: a volume
// is made before its PersistentVolume. Younger ones are counted. Inline volumes have no
// PersistentVolume, and of damaged ones nothing is known: they are left out.
void AddOrphans(const Handles& handles, absl::Duration least_age,
                const v1::ListVolumesResponse& volumes, v1::OrphanReport& report);
void AddOrphans(const Handles& handles, absl::Duration least_age,
                const v1::ListSnapshotsResponse& snapshots, v1::OrphanReport& report);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_ORPHANS_H_
