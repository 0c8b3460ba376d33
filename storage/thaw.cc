// SPDX-License-Identifier: Apache-2.0
#include "storage/thaw.h"

#include <fcntl.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"

#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "host/loop_device.h"
#include "host/mount_table.h"
#include "storage/ids.h"
#include "storage/image_backend.h"

namespace nodevol::storage {
namespace {

using FileKey = std::pair<dev_t, ino_t>;

// The volumes whose images loop devices are bound to, by the device's number.
absl::StatusOr<absl::flat_hash_map<int, std::string>> LoopsOf(const Pool& pool) {
  absl::flat_hash_map<FileKey, int> bound;
  ASSIGN_OR_RETURN(const std::vector<host::AttachedLoop> all, host::ListLoops());
  for (const host::AttachedLoop& loop : all) {
    if (!loop.backing.read_only) {
      bound[{loop.backing.device, loop.backing.inode}] = loop.number;
    }
  }
  absl::flat_hash_map<int, std::string> loops;
  if (bound.empty()) return loops;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(pool.volumes()));
  for (const std::string& name : names) {
    if (!VolumeId::Parse(name).has_value()) continue;
    const absl::StatusOr<UniqueFd> object = host::OpenDirectory(pool.volumes(), name);
    if (!object.ok()) continue;
    const absl::StatusOr<UniqueFd> image = OpenImage(object->get(), O_PATH);
    if (!image.ok()) continue;  // a directory volume, or a damaged one
    const absl::StatusOr<host::FileInfo> info = host::Inspect(image->get());
    if (!info.ok()) continue;
    const auto loop = bound.find({info->device, info->inode});
    if (loop != bound.end()) loops[loop->second] = name;
  }
  return loops;
}

// Returns whether the filesystem mounted there, from this loop device, was frozen.
absl::StatusOr<bool> ThawMount(const std::string& target, int loop) {
  ASSIGN_OR_RETURN(const UniqueFd mounted, host::OpenPath(target, O_PATH | O_NOFOLLOW));
  ASSIGN_OR_RETURN(const std::optional<int> beneath, LoopBeneath(mounted.get()));
  if (beneath != loop) return false;  // something else is mounted over it
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenDirectory(mounted.get(), "."));
  return host::Thaw(root.get());
}

absl::Status ThawAll(const Pool& pool) {
  using Loops = absl::flat_hash_map<int, std::string>;
  ASSIGN_OR_RETURN(const Loops loops, LoopsOf(pool));
  if (loops.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  for (const auto& [number, volume] : loops) {
    for (const host::MountEntry& entry : table) {
      if (entry.source != host::LoopPath(number)) continue;
      const absl::StatusOr<bool> thawed = ThawMount(entry.target, number);
      if (!thawed.ok()) {
        log::Warn("whether a volume is frozen can't be looked at",
                  {{"volume_id", volume}, {"path", entry.target}, {"error", thawed.status()}});
      } else if (*thawed) {
        log::Warn("a volume was frozen and is thawed", {{"volume_id", volume}});
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

void ThawVolumes(const Pool& pool) {
  if (const absl::Status all = ThawAll(pool); !all.ok()) {
    log::Warn("frozen volumes can't be looked for", {{"pool", pool.name()}, {"error", all}});
  }
}

}  // namespace nodevol::storage
