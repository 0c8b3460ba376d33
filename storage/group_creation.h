// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_GROUP_CREATION_H_
#define NODEVOL_STORAGE_GROUP_CREATION_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "storage/engine.h"
#include "storage/ids.h"
#include "storage/node_storage.h"

namespace nodevol::storage {

// A group snapshot that is about to be made.
struct GroupPlan {
  struct Source {
    std::shared_ptr<Engine> engine;
    VolumeId volume;
  };
  GroupId id;
  v1::GroupSnapshotRequest request;
  std::vector<Source> sources;
  std::shared_ptr<Engine> home;  // whose pool has the group's record
};

// Makes it: all members or none. The caller holds the locks of the group and of the volumes, and
// visits in all pools.
absl::StatusOr<GroupSnapshot> MakeGroupSnapshot(const OperationContext& context,
                                                const GroupPlan& plan);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_GROUP_CREATION_H_
