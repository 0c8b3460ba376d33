// SPDX-License-Identifier: Apache-2.0
#include "storage/recovery.h"

#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/loop_device.h"
#include "host/mount_table.h"
#include "storage/engine.h"
#include "storage/health.h"
#include "storage/image_backend.h"
#include "storage/layout.h"
#include "storage/record_file.h"
#include "storage/thaw.h"
#include "storage/trash.h"

namespace nodevol::storage {

class Recovery {
 public:
  Recovery(Engine& engine, RecordTrust trust)
      : engine_(engine), pool_(engine.pool()), trust_(trust) {}

  absl::Status Run() {
    ThawVolumes(pool_);
    RETURN_IF_ERROR(EmptyStaging(pool_));
    RETURN_IF_ERROR(LoadVolumes());
    RETURN_IF_ERROR(LoadSnapshots());
    RETURN_IF_ERROR(LoadGroups());
    RETURN_IF_ERROR(LoadKept());
    if (trust_ == RecordTrust::kRewrite) RETURN_IF_ERROR(SyncDirectories());
    RETURN_IF_ERROR(FindMounts());
    log::Info("pool opened", {{"pool", pool_.name()},
                              {"uuid", pool_.uuid()},
                              {"path", pool_.path()},
                              {"filesystem", host::FilesystemName(pool_.filesystem())},
                              {"reflink", pool_.reflink()},
                              {"directories", Describe(pool_.directory_limit())},
                              {"volumes", engine_.catalog_.volumes.size()},
                              {"snapshots", engine_.catalog_.snapshots.size()},
                              {"groups", engine_.catalog_.groups.size()},
                              {"damaged", engine_.catalog_.volumes.damaged() +
                                              engine_.catalog_.snapshots.damaged() +
                                              engine_.catalog_.groups.damaged()},
                              {"mounts", mounts_found_},
                              {"loops_freed", loops_freed_}});
    return absl::OkStatus();
  }

 private:
  using FileKey = std::pair<dev_t, ino_t>;

  template <typename Record, typename Id>
  absl::StatusOr<std::shared_ptr<Record>> LoadRecord(int object, const Id& id) {
    auto record = std::make_shared<Record>();
    const absl::Status read = ReadRecord(object, kRecordFile, *record);
    // Its content may be whole: nobody may take it for lost.
    if (ErrnoOf(read) == ENOENT) return absl::DataLossError("its record is missing");
    RETURN_IF_ERROR(read);
    if (record->id() != id.text() || id.pool_uuid() != pool_.uuid()) {
      return absl::DataLossError(absl::StrCat("its record is that of ", record->id()));
    }
    if (trust_ == RecordTrust::kRewrite) {
      RETURN_IF_ERROR(ReplaceRecord(object, kRecordFile, *record));
      RETURN_IF_ERROR(pool_.SyncOrFault(object));
    }
    return record;
  }

  // Remembers an object that can't be loaded; all others go on.
  template <typename Record, typename Id>
  void SetAsideUnless(const absl::Status& loaded, const Id& id, ObjectIndex<Record>& index) {
    if (loaded.ok()) return;
    log::Error("an object can't be used; it is left as it is",
               {{"pool", pool_.name()}, {"id", id.text()}, {"error", loaded}});
    index.PutDamaged(id.text(), loaded);
  }

  absl::Status LoadVolumes() {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(pool_.volumes()));
    for (const std::string& name : names) {
      const std::optional<VolumeId> id = VolumeId::Parse(name);
      if (!id.has_value()) {
        log::Warn("not a volume of ours; it is left alone",
                  {{"pool", pool_.name()}, {"name", name}});
        continue;
      }
      SetAsideUnless(LoadVolume(*id), *id, engine_.catalog_.volumes);
    }
    return absl::OkStatus();
  }

  absl::Status LoadVolume(const VolumeId& id) {
    ASSIGN_OR_RETURN(const UniqueFd object, host::OpenDirectory(pool_.volumes(), id.text()));
    ASSIGN_OR_RETURN(std::shared_ptr<v1::VolumeRecord> record,
                     LoadRecord<v1::VolumeRecord>(object.get(), id));
    pool_.ledger().Restore(Engine::LedgerKey(id), record->size_bytes());
    RETURN_IF_ERROR(CheckContent(object.get(), id, *record));
    engine_.catalog_.volumes.Put(std::move(record));
    return absl::OkStatus();
  }

  // A directory that nothing limits any more is not used.
  template <typename Record>
  absl::Status CheckLimited(const Record& record) const {
    const DirectoryLimit& limit = pool_.directory_limit();
    if (!record.has_directory() || record.directory().limit() == limit.kind) {
      return absl::OkStatus();
    }
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "it is a directory under ", NameOf(record.directory().limit()),
                          ", and nothing limits its size now: ", limit.why_none)),
                      kQuotaMissing);
  }

  // Gives the content the size that was promised, and remembers the image for FindMounts.
  absl::Status CheckContent(int object, const VolumeId& id, const v1::VolumeRecord& record) {
    RETURN_IF_ERROR(CheckLimited(record));
    Backend& backend = engine_.BackendOf(record);
    const absl::Status applied = backend.ApplySize(object, record);
    if (IsOutOfSpace(applied)) {
      log::Warn("a volume is smaller than promised until its pool has room",
                {{"volume_id", id.text()}, {"error", applied}});
    } else {
      RETURN_IF_ERROR(applied);
    }
    ASSIGN_OR_RETURN(const int64_t written, backend.WrittenBytes(object, record.directory()));
    pool_.ledger().SetWritten(Engine::LedgerKey(id), written);
    if (record.has_image()) {
      ASSIGN_OR_RETURN(const UniqueFd image, OpenImage(object, O_PATH));
      ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(image.get()));
      images_[{info.device, info.inode}] = id.text();
    }
    return absl::OkStatus();
  }

  absl::Status LoadSnapshots() {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(pool_.snapshots()));
    for (const std::string& name : names) {
      const std::optional<SnapshotId> id = SnapshotId::Parse(name);
      if (!id.has_value()) {
        log::Warn("not a snapshot of ours; it is left alone",
                  {{"pool", pool_.name()}, {"name", name}});
        continue;
      }
      SetAsideUnless(LoadSnapshot(*id), *id, engine_.catalog_.snapshots);
    }
    return absl::OkStatus();
  }

  absl::Status LoadSnapshot(const SnapshotId& id) {
    ASSIGN_OR_RETURN(const UniqueFd object, host::OpenDirectory(pool_.snapshots(), id.text()));
    ASSIGN_OR_RETURN(std::shared_ptr<v1::SnapshotRecord> record,
                     LoadRecord<v1::SnapshotRecord>(object.get(), id));
    const std::string& group = record->group_snapshot_id();
    if (!group.empty() && !GroupId::Parse(group).has_value()) {
      return absl::DataLossError(absl::StrCat("its group \"", group, "\" is no id of ours"));
    }
    pool_.ledger().Restore(Engine::LedgerKey(id), record->pinned_bytes());
    RETURN_IF_ERROR(CheckLimited(*record));
    RETURN_IF_ERROR(
        engine_.BackendOf(*record).WrittenBytes(object.get(), record->directory()).status());
    pool_.ledger().SetWritten(Engine::LedgerKey(id), record->pinned_bytes());
    if (group.empty()) {
      engine_.catalog_.snapshots.Put(std::move(record));
    } else {
      engine_.PutMember(std::move(record));  // its group's pool, maybe another, has to say
    }
    return absl::OkStatus();
  }

  absl::Status LoadGroups() {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(pool_.groups()));
    for (const std::string& name : names) {
      const std::optional<GroupId> id = GroupId::Parse(name);
      if (!id.has_value()) {
        log::Warn("not a group snapshot of ours; it is left alone",
                  {{"pool", pool_.name()}, {"name", name}});
        continue;
      }
      SetAsideUnless(LoadGroup(*id), *id, engine_.catalog_.groups);
    }
    return absl::OkStatus();
  }

  absl::Status LoadGroup(const GroupId& id) {
    ASSIGN_OR_RETURN(const UniqueFd object, host::OpenDirectory(pool_.groups(), id.text()));
    ASSIGN_OR_RETURN(std::shared_ptr<v1::GroupSnapshotRecord> record,
                     LoadRecord<v1::GroupSnapshotRecord>(object.get(), id));
    engine_.catalog_.groups.Put(std::move(record));
    return absl::OkStatus();
  }

  absl::Status LoadKept() {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(pool_.trash()));
    for (const std::string& text : names) {
      std::optional<TrashName> name = TrashName::Parse(text);
      if (!name.has_value() || !name->kept.has_value()) continue;
      const absl::Status loaded = LoadKeptVolume(*std::move(name));
      if (loaded.ok()) continue;
      log::Error("a deleted volume can't be had back; its data stays until its time is over",
                 {{"pool", pool_.name()}, {"entry", text}, {"error", loaded}});
    }
    return absl::OkStatus();
  }

  absl::Status LoadKeptVolume(TrashName name) {
    const std::optional<VolumeId> id = VolumeId::Parse(name.id);
    if (!id.has_value()) return absl::DataLossError("its name has no volume id");
    ASSIGN_OR_RETURN(const UniqueFd object, host::OpenDirectory(pool_.trash(), name.Text()));
    ASSIGN_OR_RETURN(std::shared_ptr<v1::VolumeRecord> record,
                     LoadRecord<v1::VolumeRecord>(object.get(), *id));
    RETURN_IF_ERROR(CheckLimited(*record));
    const std::string key = Engine::LedgerKey(name);
    pool_.ledger().Restore(key, record->size_bytes());
    pool_.ledger().SetExpendable(key, true);
    ASSIGN_OR_RETURN(const int64_t written,
                     engine_.BackendOf(*record).WrittenBytes(object.get(), record->directory()));
    pool_.ledger().SetWritten(key, written);
    engine_.kept_.Put({std::move(name), std::move(record)});
    return absl::OkStatus();
  }

  absl::Status SyncDirectories() {
    for (const int directory :
         {pool_.volumes(), pool_.snapshots(), pool_.groups(), pool_.trash()}) {
      RETURN_IF_ERROR(pool_.SyncOrFault(directory));
    }
    return absl::OkStatus();
  }

  absl::Status FindMounts() {
    RETURN_IF_ERROR(FindLoops());
    ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
    for (const host::MountEntry& entry : table) {
      if (const std::optional<std::string> volume = VolumeMountedBy(entry); volume.has_value()) {
        engine_.mounts_.Add(*volume, {.path = entry.target, .capability = std::nullopt});
        ++mounts_found_;
      }
    }
    FreeUnusedLoops();
    return absl::OkStatus();
  }

  // The loop devices on images of this pool.
  absl::Status FindLoops() {
    ASSIGN_OR_RETURN(const std::vector<host::AttachedLoop> loops, host::ListLoops());
    for (const host::AttachedLoop& loop : loops) {
      const auto image = images_.find({loop.backing.device, loop.backing.inode});
      if (image != images_.end()) loops_[loop.number] = image->second;
    }
    return absl::OkStatus();
  }

  std::optional<std::string> VolumeMountedBy(const host::MountEntry& entry) {
    // A directory volume: what is mounted is .../volumes/ID/data of this pool's filesystem.
    const std::vector<absl::string_view> root = absl::StrSplit(entry.root, '/');
    if (entry.filesystem == host::FilesystemName(pool_.filesystem()) && root.size() >= 3 &&
        root.back() == kDataDirectory && root[root.size() - 3] == kVolumesDirectory) {
      const std::optional<VolumeId> id = VolumeId::Parse(root[root.size() - 2]);
      if (id.has_value() && id->pool_uuid() == pool_.uuid()) return id->text();
    }
    // An image: what is mounted is, or is on, one of the loop devices.
    if (!absl::StartsWith(entry.source, "/dev/loop") && !absl::StartsWith(entry.root, "/loop")) {
      return std::nullopt;
    }
    const absl::StatusOr<UniqueFd> target = host::OpenPath(entry.target, O_PATH | O_NOFOLLOW);
    if (!target.ok()) return std::nullopt;
    const absl::StatusOr<std::optional<int>> number = LoopBeneath(target->get());
    if (!number.ok() || !number->has_value()) return std::nullopt;
    const auto loop = loops_.find(**number);
    if (loop == loops_.end()) return std::nullopt;
    used_loops_.insert(loop->first);
    return loop->second;
  }

  // A process was killed between attaching a device and mounting it.
  void FreeUnusedLoops() {
    for (const auto& [number, volume] : loops_) {
      if (used_loops_.contains(number)) continue;
      const absl::StatusOr<host::LoopDevice> loop = host::OpenLoop(number, /*read_only=*/true);
      const absl::Status freed = loop.ok() ? host::DetachLoop(loop->fd.get()) : loop.status();
      if (freed.ok()) {
        ++loops_freed_;
      } else {
        log::Warn("a loop device that nothing uses can't be freed",
                  {{"device", host::LoopPath(number)}, {"volume_id", volume}, {"error", freed}});
      }
    }
  }

  Engine& engine_;
  Pool& pool_;
  const RecordTrust trust_;
  absl::flat_hash_map<FileKey, std::string> images_;
  absl::flat_hash_map<int, std::string> loops_;
  absl::flat_hash_set<int> used_loops_;
  int mounts_found_ = 0;
  int loops_freed_ = 0;
};

absl::Status Recover(Engine& engine, RecordTrust trust) { return Recovery(engine, trust).Run(); }

}  // namespace nodevol::storage
