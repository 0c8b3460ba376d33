// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_CATALOG_H_
#define NODEVOL_STORAGE_CATALOG_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "proto/storage.pb.h"
#include "storage/change_feed.h"
#include "storage/ids.h"
#include "storage/ill_volumes.h"
#include "storage/node_storage.h"
#include "storage/object_index.h"

namespace nodevol::storage {

// What is known of the objects of one pool, whether the pool is here or on another node.
struct Catalog {
  explicit Catalog(absl::string_view uuid, Keep keep = Keep::kWhole)
      : pool_uuid(uuid), volumes(keep), snapshots(keep), groups(keep) {}

  // Tells the feed of each change from now on.
  void ReportTo(ChangeFeed& feed) {
    volumes.ReportTo(feed, ObjectKind::kVolume);
    snapshots.ReportTo(feed, ObjectKind::kSnapshot);
    groups.ReportTo(feed, ObjectKind::kGroup);
  }

  const std::string pool_uuid;
  ObjectIndex<v1::VolumeRecord> volumes;
  ObjectIndex<v1::SnapshotRecord> snapshots;
  ObjectIndex<v1::GroupSnapshotRecord> groups;
  // As it was found in the last minute.
  IllVolumes ill;
};

// What NodeStorage is asked, of the catalogs of a node's pools, which are in the order of their
// UUIDs: ids begin with them, so lists of several pools are in the order of ids.
using Catalogs = std::vector<const Catalog*>;

// Null when no pool has it; an error when one has it and its record is damaged.
absl::StatusOr<VolumePtr> FindVolumeByHash(const Catalogs& catalogs, absl::string_view name_hash);

enum class InlineVolumesIn { kLeftOut, kListed };
Page<VolumePtr> ListVolumesOf(const Catalogs& catalogs, const ListQuery& query,
                              InlineVolumesIn inline_volumes);
// An empty source means all.
Page<SnapshotPtr> ListSnapshotsOf(const Catalogs& catalogs, const ListQuery& query,
                                  const std::string& source_volume_id);
// What is known to be wrong with a volume, in a pool with which `pool` is. NOT_FOUND; volumes with
// a damaged record have one too, inline ones as well.
absl::StatusOr<VolumeHealth> HealthOf(const Catalog& catalog, std::vector<HealthCondition> pool,
                                      const VolumeId& id);
struct PoolWithHealth {
  const Catalog* catalog;
  std::vector<HealthCondition> conditions;
};
// Those with which something is wrong, but inline ones.
Page<VolumeHealth> ListVolumeHealthOf(const std::vector<PoolWithHealth>& pools,
                                      const ListQuery& query);

// The group with its members, each of which `find` looks up (as NodeStorage::GetSnapshot does).
// INTERNAL when one is missing, else the error of `find`.
absl::StatusOr<GroupSnapshot> WithMembers(
    GroupPtr group, absl::FunctionRef<absl::StatusOr<SnapshotPtr>(const SnapshotId&)> find);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_CATALOG_H_
