// SPDX-License-Identifier: Apache-2.0
#include "storage/discard.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_split.h"

#include "base/log.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/filesystem.h"
#include "host/mount_table.h"
#include "storage/engine.h"

namespace nodevol::storage {
namespace {

constexpr size_t kPage = 256;

// Where filesystems are mounted that discard by themselves.
absl::StatusOr<absl::flat_hash_set<std::string>> DiscardingMounts() {
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  absl::flat_hash_set<std::string> discarding;
  for (const host::MountEntry& entry : table) {
    for (const absl::string_view option : absl::StrSplit(entry.filesystem_options, ',')) {
      if (option == "discard") discarding.insert(entry.target);
    }
  }
  return discarding;
}

absl::Status Trim(Engine& engine, const v1::VolumeRecord& volume,
                  const absl::flat_hash_set<std::string>& discarding) {
  ASSIGN_OR_RETURN(const UniqueFd object,
                   host::OpenDirectory(engine.pool().volumes(), volume.id()));
  for (const VolumeMount& mount : engine.mounts().Find(volume.id())) {
    ASSIGN_OR_RETURN(const std::optional<UniqueFd> fd,
                     engine.OpenMountOf(object.get(), volume, mount.path));
    if (!fd.has_value()) continue;
    if (discarding.contains(mount.path)) return absl::OkStatus();
    ASSIGN_OR_RETURN(const UniqueFd root, host::OpenDirectory(fd->get(), "."));
    return host::Trim(root.get());
  }
  return absl::OkStatus();
}

}  // namespace

void TrimVolumes(Engine& engine) {
  std::optional<absl::flat_hash_set<std::string>> discarding;
  std::string after;
  while (true) {
    const std::vector<VolumePtr> page = engine.volumes().After(after, kPage);
    for (const VolumePtr& volume : page) {
      if (!volume->attributes().discard() || volume->image().fs_type() != "xfs") continue;
      if (!discarding.has_value()) {
        absl::StatusOr<absl::flat_hash_set<std::string>> mounts = DiscardingMounts();
        if (!mounts.ok()) return;
        discarding = *std::move(mounts);
      }
      if (const absl::Status trimmed = Trim(engine, *volume, *discarding); !trimmed.ok()) {
        log::Warn("what a pod has freed can't be given back",
                  {{"volume_id", volume->id()}, {"error", trimmed}});
      }
    }
    if (page.size() < kPage) return;
    after = page.back()->id();
  }
}

}  // namespace nodevol::storage
