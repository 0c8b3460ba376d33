// SPDX-License-Identifier: Apache-2.0
#include "storage/pool_offer.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"
#include "host/filesystem_tools.h"
#include "storage/capability.h"

namespace nodevol::storage {
namespace {

constexpr int64_t kMinimumDirectoryBytes = kMiB;
constexpr int64_t kMinimumBlockBytes = kMiB;

}  // namespace

BackendChoice ResolveBackend(const VolumeSpec& spec, v1::DirectoryContent::Limit limit) {
  if (spec.backend != BackendChoice::kAuto) return spec.backend;
  const bool projects = limit == v1::DirectoryContent::PROJECT_QUOTA;
  return projects && !spec.NeedsImage() ? BackendChoice::kDirectory : BackendChoice::kImage;
}

std::optional<int64_t> MinimumVolumeBytes(const VolumeSpec& spec,
                                          v1::DirectoryContent::Limit limit) {
  if (ResolveBackend(spec, limit) == BackendChoice::kDirectory) {
    if (limit == v1::DirectoryContent::LIMIT_UNSPECIFIED) return std::nullopt;
    return kMinimumDirectoryBytes;
  }
  if (spec.block) return kMinimumBlockBytes;
  return host::MinimumFilesystemBytes(ParseFilesystemType(spec.ImageFilesystem()));
}

void AddRoom(const v1::PoolReport& pool, const VolumeSpec& spec, Capacity& room) {
  if (pool.uuid().empty() || (!spec.pool.empty() && spec.pool != pool.name())) return;
  const std::optional<int64_t> minimum = MinimumVolumeBytes(spec, pool.directory_limit());
  if (!minimum.has_value()) return;
  room.minimum_volume =
      room.minimum_volume == 0 ? *minimum : std::min(room.minimum_volume, *minimum);
  if (pool.has_unavailable()) return;
  // Rounded down: a volume of exactly this size must fit.
  const int64_t available = pool.available_bytes() / kMiB * kMiB;
  // Nodes far away tell it: no sum of what they say may overflow.
  room.available += std::min(available, std::numeric_limits<int64_t>::max() - room.available);
  if (available >= *minimum) room.maximum_volume = std::max(room.maximum_volume, available);
}

Capacity CapacityOf(const std::vector<v1::PoolReport>& pools, const VolumeSpec& spec) {
  Capacity capacity;
  for (const v1::PoolReport& pool : pools) AddRoom(pool, spec, capacity);
  return capacity;
}

}  // namespace nodevol::storage
