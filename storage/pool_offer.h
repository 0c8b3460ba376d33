// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_POOL_OFFER_H_
#define NODEVOL_STORAGE_POOL_OFFER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "proto/storage.pb.h"
#include "storage/node_storage.h"
#include "storage/volume_spec.h"

// What pools can hold, by what is told of them: the same answer on their node and away from it.
namespace nodevol::storage {

// What a new volume becomes where this limits directories: `auto` is a directory where project
// quotas are enforced and nothing asks for an image.
BackendChoice ResolveBackend(const VolumeSpec& spec, v1::DirectoryContent::Limit limit);

// The least size of such a volume, in bytes; none where it would be a directory that nothing
// limits.
std::optional<int64_t> MinimumVolumeBytes(const VolumeSpec& spec,
                                          v1::DirectoryContent::Limit limit);

// Adds the room for such volumes in a pool.
void AddRoom(const v1::PoolReport& pool, const VolumeSpec& spec, Capacity& room);
// The room for such volumes in these pools.
Capacity CapacityOf(const std::vector<v1::PoolReport>& pools, const VolumeSpec& spec);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_POOL_OFFER_H_
