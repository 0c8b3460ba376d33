// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_ADMIN_MESSAGES_H_
#define NODEVOL_ADMIN_ADMIN_MESSAGES_H_

#include <string>

#include "proto/admin.pb.h"
#include "storage/local_storage.h"
#include "storage/node_check.h"

// The engine's answers in the words of admin.proto.
namespace nodevol::admin {

v1::Pool ToMessage(const storage::PoolStatistics& pool);
v1::Volume ToMessage(const nodevol::v1::VolumeRecord& record,
                     const storage::VolumeFigures& figures);
v1::Volume ToMessage(const storage::DeletedVolume& deleted);
v1::Volume DamagedVolume(const storage::DamagedObject& damaged);
// `source_name` is the name of its source, "" when that does not exist any more.
v1::Snapshot ToMessage(const nodevol::v1::SnapshotRecord& record, const std::string& pool,
                       const std::string& source_name);
v1::Snapshot DamagedSnapshot(const storage::DamagedObject& damaged);
v1::Mount ToMessage(const storage::VolumeMount& mount);
v1::Usage ToMessage(const storage::VolumeUsage& usage);
v1::PoolVerdict ToMessage(const storage::PoolVerdict& verdict);
v1::Finding ToMessage(const storage::NodeFinding& finding);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_ADMIN_MESSAGES_H_
