// SPDX-License-Identifier: Apache-2.0
#include "admin/admin_messages.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "storage/capability.h"
#include "storage/directory_limit.h"

namespace nodevol::admin {
namespace {

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp message;
  message.set_seconds(absl::ToUnixSeconds(time));
  message.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(message.seconds()))));
  return message;
}

v1::Volume Describe(const nodevol::v1::VolumeRecord& record) {
  v1::Volume volume;
  volume.set_id(record.id());
  volume.set_name(record.request().name());
  volume.set_backend(record.has_directory() ? "directory" : "image");
  volume.set_fs_type(storage::FilesystemTypeOf(record));
  volume.set_block(storage::IsBlock(record));
  volume.set_thick(record.image().thick());
  volume.set_size_bytes(record.size_bytes());
  *volume.mutable_created() = record.created();
  return volume;
}

const char* NameOf(storage::NodeFinding::Severity severity) {
  switch (severity) {
    case storage::NodeFinding::Severity::kOk:
      return "ok";
    case storage::NodeFinding::Severity::kNote:
      return "note";
    case storage::NodeFinding::Severity::kWarning:
      return "warning";
    case storage::NodeFinding::Severity::kProblem:
      return "problem";
  }
  return "";
}

}  // namespace

v1::Pool ToMessage(const storage::PoolStatistics& pool) {
  v1::Pool message;
  message.set_name(pool.name);
  message.set_path(pool.path);
  message.set_state(pool.state.ok() ? "ready" : "unavailable");
  message.set_reason(std::string(pool.state.message()));
  if (pool.uuid.empty()) return message;
  message.set_uuid(pool.uuid);
  message.set_filesystem(pool.filesystem);
  message.set_reflink(pool.reflink);
  message.set_directory_limit(storage::NameOf(pool.directories.kind));
  message.set_directory_limit_reason(pool.directories.why_none);
  message.set_capacity_bytes(pool.total_bytes);
  message.set_available_bytes(pool.available_bytes);
  message.set_free_bytes(pool.free_bytes);
  message.set_promised_bytes(pool.promised_bytes);
  message.set_written_bytes(pool.written_bytes);
  message.set_kept_bytes(pool.kept_bytes);
  // Blocks that several contents share are in `written` more than once.
  message.set_other_bytes(
      std::max<int64_t>(0, pool.total_bytes - pool.free_bytes - pool.written_bytes));
  message.set_reserve_missing_bytes(pool.reserve_missing_bytes);
  message.set_volumes(static_cast<int64_t>(pool.volumes));
  message.set_snapshots(static_cast<int64_t>(pool.snapshots));
  message.set_kept_volumes(static_cast<int64_t>(pool.kept_volumes));
  message.set_damaged(static_cast<int64_t>(pool.damaged));
  return message;
}

v1::Volume ToMessage(const nodevol::v1::VolumeRecord& record,
                     const storage::VolumeFigures& figures) {
  v1::Volume volume = Describe(record);
  volume.set_pool(figures.pool);
  volume.set_path(figures.path);
  volume.set_written_bytes(figures.written_bytes);
  for (const std::string& mount : figures.mounts) volume.add_mounts(mount);
  volume.set_state(!figures.mounts.empty()    ? "mounted"
                   : record.has_publication() ? "published"
                                              : "idle");
  volume.set_inline_target_path(record.ephemeral().target_path());
  return volume;
}

v1::Volume ToMessage(const storage::DeletedVolume& deleted) {
  v1::Volume volume = Describe(*deleted.volume);
  volume.set_pool(deleted.pool);
  volume.set_state("deleted");
  *volume.mutable_deleted() = ToTimestamp(deleted.deleted);
  *volume.mutable_kept_until() = ToTimestamp(deleted.until);
  return volume;
}

v1::Volume DamagedVolume(const storage::DamagedObject& damaged) {
  v1::Volume volume;
  volume.set_id(damaged.id);
  volume.set_pool(damaged.pool);
  volume.set_path(damaged.path);
  volume.set_state("damaged");
  volume.set_reason(std::string(damaged.why.message()));
  return volume;
}

v1::Snapshot ToMessage(const nodevol::v1::SnapshotRecord& record, const std::string& pool,
                       const std::string& source_name) {
  v1::Snapshot snapshot;
  snapshot.set_id(record.id());
  snapshot.set_name(record.request().name());
  snapshot.set_pool(pool);
  snapshot.set_state("ready");
  snapshot.set_source_volume_id(record.request().source_volume_id());
  snapshot.set_source_volume_name(source_name);
  snapshot.set_size_bytes(record.size_bytes());
  snapshot.set_pinned_bytes(record.pinned_bytes());
  *snapshot.mutable_created() = record.created();
  snapshot.set_group_snapshot_id(record.group_snapshot_id());
  return snapshot;
}

v1::Snapshot DamagedSnapshot(const storage::DamagedObject& damaged) {
  v1::Snapshot snapshot;
  snapshot.set_id(damaged.id);
  snapshot.set_pool(damaged.pool);
  snapshot.set_state("damaged");
  snapshot.set_reason(std::string(damaged.why.message()));
  return snapshot;
}

v1::Mount ToMessage(const storage::VolumeMount& mount) {
  v1::Mount message;
  message.set_path(mount.path);
  if (mount.capability.has_value()) {
    message.set_access_mode(nodevol::v1::AccessMode_Name(mount.capability->access_mode()));
  }
  return message;
}

v1::Usage ToMessage(const storage::VolumeUsage& usage) {
  v1::Usage message;
  message.set_total_bytes(usage.total_bytes);
  message.set_used_bytes(usage.used_bytes);
  message.set_available_bytes(usage.available_bytes);
  if (usage.inodes.has_value()) {
    message.set_total_inodes(usage.inodes->total);
    message.set_used_inodes(usage.inodes->used);
  }
  return message;
}

v1::PoolVerdict ToMessage(const storage::PoolVerdict& verdict) {
  v1::PoolVerdict message;
  message.set_pool(verdict.pool);
  message.set_possible(verdict.status.ok());
  message.set_asked_for(verdict.asked_for);
  message.set_code(absl::StatusCodeToString(verdict.status.code()));
  message.set_reason(std::string(verdict.status.message()));
  message.set_size_bytes(verdict.outline.size_bytes());
  message.set_available_bytes(verdict.available_bytes);
  if (verdict.outline.has_image() || verdict.outline.has_directory()) {
    message.set_backend(verdict.outline.has_directory() ? "directory" : "image");
    message.set_fs_type(storage::FilesystemTypeOf(verdict.outline));
  }
  return message;
}

v1::Finding ToMessage(const storage::NodeFinding& finding) {
  v1::Finding message;
  message.set_severity(NameOf(finding.severity));
  message.set_subject(finding.subject);
  message.set_what(finding.what);
  return message;
}

}  // namespace nodevol::admin
