// SPDX-License-Identifier: Apache-2.0
#include "node/mount_owner.h"

#include <fcntl.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "base/status_macros.h"
#include "host/file.h"
#include "node/target_path.h"
#include "storage/layout.h"

namespace nodevol::node {
namespace {

constexpr size_t kMaxSysfsBytes = 8192;

}  // namespace

std::optional<int> LoopOf(const host::MountEntry& entry) {
  absl::string_view name = entry.source;
  if (!absl::ConsumePrefix(&name, "/dev/loop")) {
    name = entry.root;  // a device node, bound to a file
    if (!absl::ConsumePrefix(&name, "/loop")) return std::nullopt;
  }
  int number = 0;
  return absl::SimpleAtoi(name, &number) ? std::optional<int>(number) : std::nullopt;
}

std::optional<storage::VolumeId> OwnerOfPath(absl::string_view path) {
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  // "volumes/ID" is part of every path of a volume's content.
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i - 1] != storage::kVolumesDirectory) continue;
    std::optional<storage::VolumeId> id = storage::VolumeId::Parse(parts[i]);
    if (id.has_value()) return id;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<storage::VolumeId>> OwnerOfLoop(int number) {
  const absl::StatusOr<UniqueFd> directory =
      host::OpenPath(absl::StrCat("/sys/block/loop", number, "/loop"), O_RDONLY | O_DIRECTORY);
  if (IsMissing(directory.status())) {  // nothing is bound to it
    return std::optional<storage::VolumeId>();
  }
  RETURN_IF_ERROR(directory.status());
  ASSIGN_OR_RETURN(const std::string file,
                   host::ReadFile(directory->get(), "backing_file", kMaxSysfsBytes));
  return OwnerOfPath(file);
}

absl::StatusOr<std::optional<storage::VolumeId>> OwnerOf(const host::MountEntry& entry) {
  const std::optional<storage::VolumeId> id = OwnerOfPath(entry.root);
  const std::optional<int> loop = LoopOf(entry);
  if (id.has_value() || !loop.has_value()) return id;
  return OwnerOfLoop(*loop);
}

const host::MountEntry* TopmostAt(const std::vector<host::MountEntry>& table,
                                  const std::string& path) {
  const host::MountEntry* topmost = nullptr;
  for (const host::MountEntry& entry : table) {
    if (entry.target == path) topmost = &entry;
  }
  return topmost;
}

}  // namespace nodevol::node
