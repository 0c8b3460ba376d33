// SPDX-License-Identifier: Apache-2.0
#include "storage/object_check.h"

#include <sys/stat.h>

#include <cerrno>
#include <initializer_list>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/project_id.h"
#include "host/project_quota.h"
#include "proto/storage.pb.h"
#include "storage/ids.h"
#include "storage/layout.h"
#include "storage/record_file.h"

namespace nodevol::storage {
namespace {

using Severity = PoolFinding::Severity;

// One look at one object; what it finds is collected.
class Look {
 public:
  explicit Look(const ObjectPlace& place) : place_(place) {}

  // The record of an object that has content.
  template <typename Record>
  std::optional<Record> ReadRecordAndNames() {
    std::optional<Record> record = ReadRecordOf<Record>();
    if (!record.has_value()) return std::nullopt;
    if (record->has_image()) {
      CheckNames({kImageFile, kImageSubvolume});
    } else if (record->has_directory()) {
      CheckNames({kDataDirectory});
    } else {
      Add(Severity::kDamage, kRecordFile, "says of no content; restore it from a backup");
      return std::nullopt;
    }
    return record;
  }

  template <typename Record>
  std::optional<Record> ReadRecordOf() {
    absl::StatusOr<UniqueFd> object = host::OpenDirectory(place_.parent, place_.name);
    if (!object.ok()) {
      Add(Severity::kDamage, "", absl::StrCat("can't be opened: ", object.status().message()));
      return std::nullopt;
    }
    object_ = *std::move(object);
    CheckPrivate();
    Record record;
    const absl::Status read = ReadRecord(object_.get(), kRecordFile, record);
    if (!read.ok()) {
      Add(Severity::kDamage, kRecordFile,
          ErrnoOf(read) == ENOENT
              ? "is missing; nothing can be done with the object until it is restored from a backup"
              : std::string(read.message()));
      return std::nullopt;
    }
    if (record.id() != place_.id) {
      Add(Severity::kDamage, kRecordFile,
          absl::StrCat("is the record of ", record.id(), "; restore this object's own"));
      return std::nullopt;
    }
    return record;
  }

  // The object has its record and this, and nothing else.
  void CheckNames(std::initializer_list<absl::string_view> content) {
    const absl::StatusOr<std::vector<std::string>> names = host::ListDirectory(object_.get());
    if (!names.ok()) {
      Add(Severity::kDamage, "", absl::StrCat("can't be listed: ", names.status().message()));
      return;
    }
    for (const std::string& name : *names) {
      if (name == kRecordFile || absl::c_linear_search(content, name)) continue;
      const bool temporary = name == absl::StrCat(kRecordFile, kTemporarySuffix);
      Add(temporary ? Severity::kNote : Severity::kWarning, name,
          temporary ? "a replacement of the record that was interrupted; it is garbage"
                    : "is not the driver's; move it away");
    }
  }

  void CheckImage(const v1::ImageContent& image, int64_t size_bytes) {
    const absl::StatusOr<host::FileInfo> info = InspectImage();
    if (!info.ok()) {
      ContentUnreadable(kImageFile, info.status());
      return;
    }
    if (!S_ISREG(info->mode)) {
      Add(Severity::kDamage, kImageFile, "is no regular file; its data is lost unless moved away");
      return;
    }
    check_.written_bytes = info->allocated_bytes;
    if (info->size_bytes < size_bytes) {
      Add(Severity::kDamage, kImageFile,
          absl::StrCat("has ", HumanBytes(info->size_bytes), ", its record says ",
                       HumanBytes(size_bytes),
                       ": it was cut off, or a growth was interrupted, which the next start of the "
                       "driver completes"));
    } else if (info->size_bytes > size_bytes) {
      Add(Severity::kNote, kImageFile,
          absl::StrCat("has ", HumanBytes(info->size_bytes), ", its record says ",
                       HumanBytes(size_bytes), ": a growth that failed and was taken back"));
    }
    if (image.thick() && info->allocated_bytes < size_bytes) {
      Add(Severity::kWarning, kImageFile,
          absl::StrCat("is to have all its blocks (provisioning thick), but only ",
                       HumanBytes(info->allocated_bytes), " of ", HumanBytes(size_bytes),
                       " are there; fstrim or discard inside takes them"));
    }
  }

  void CheckDirectory(const v1::DirectoryContent& directory, std::optional<int64_t> limit_bytes,
                      const DirectoryLimit& limit) {
    const absl::StatusOr<UniqueFd> data = host::OpenDirectory(object_.get(), kDataDirectory);
    if (!data.ok()) {
      ContentUnreadable(kDataDirectory, data.status());
      return;
    }
    const absl::Status looked = directory.limit() == v1::DirectoryContent::PROJECT_QUOTA
                                    ? CheckProject(data->get(), directory.project_id(), limit_bytes)
                                    : CheckSubvolume(data->get(), limit_bytes, limit);
    if (!looked.ok()) {
      Add(Severity::kWarning, kDataDirectory,
          absl::StrCat("its limit can't be read: ", looked.message()));
    }
  }

  // `snapshots` is the pool's directory of them; members in other pools are not looked for.
  void CheckMembers(const v1::GroupSnapshotRecord& group, int snapshots) {
    const std::optional<GroupId> id = GroupId::Parse(group.id());
    for (const std::string& text : group.snapshot_ids()) {
      const std::optional<SnapshotId> member = SnapshotId::Parse(text);
      if (!member.has_value()) {
        Add(Severity::kDamage, kRecordFile, absl::StrCat("names \"", text, "\", which is no id"));
      } else if (id.has_value() && member->pool_uuid() == id->pool_uuid() &&
                 ErrnoOf(host::InspectAt(snapshots, text).status()) == ENOENT) {
        Add(Severity::kDamage, "",
            absl::StrCat("its member ", text, " is missing; the others can be used"));
      }
    }
  }

  void Promised(int64_t bytes) { check_.promised_bytes = bytes; }
  ObjectCheck Take() { return std::move(check_); }

 private:
  void Add(Severity severity, absl::string_view name, std::string what) {
    check_.findings.push_back(
        {severity, absl::StrCat(place_.path, name.empty() ? "" : "/", name), std::move(what)});
  }

  void ContentUnreadable(absl::string_view name, const absl::Status& error) {
    Add(Severity::kDamage, name,
        ErrnoOf(error) == ENOENT
            ? "is missing: the data is not here; restore it from a snapshot or a backup"
            : absl::StrCat("can't be looked at: ", error.message()));
  }

  // What others can enter is protected by nothing but what the volume's user set.
  void CheckPrivate() {
    const absl::StatusOr<host::FileInfo> info = host::Inspect(object_.get());
    if (info.ok() && (info->mode & 077) != 0) {
      Add(Severity::kWarning, "",
          absl::StrCat("can be entered by others than root; chmod ", kDirectoryModeText, " it"));
    }
  }

  absl::StatusOr<host::FileInfo> InspectImage() const {
    absl::StatusOr<host::FileInfo> info = host::InspectAt(object_.get(), kImageFile);
    if (ErrnoOf(info.status()) != ENOENT) return info;
    ASSIGN_OR_RETURN(const UniqueFd subvolume, host::OpenDirectory(object_.get(), kImageSubvolume));
    return host::InspectAt(subvolume.get(), kImageFile);
  }

  absl::Status CheckSubvolume(int data, std::optional<int64_t> limit_bytes,
                              const DirectoryLimit& limit) {
    ASSIGN_OR_RETURN(const bool subvolume, host::IsSubvolumeRoot(data));
    if (!subvolume) {
      Add(Severity::kDamage, kDataDirectory,
          "is a plain directory and no subvolume, so nothing limits it");
      return absl::OkStatus();
    }
    if (limit_bytes.has_value() && limit.kind != v1::DirectoryContent::BTRFS_SIMPLE_QUOTA) {
      Add(Severity::kDamage, kDataDirectory,
          absl::StrCat("nothing limits its size: ", limit.why_none));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const host::SubvolumeId id, host::SubvolumeOf(data));
    // A volume's limit is on a group of level 1; a snapshot has only the one that comes with it.
    const host::QuotaGroupId group = {static_cast<uint16_t>(limit_bytes.has_value() ? 1 : 0), id};
    ASSIGN_OR_RETURN(const std::optional<host::QuotaGroupUsage> usage,
                     host::GetQuotaGroup(data, group));
    if (usage.has_value()) check_.written_bytes = usage->used_bytes;
    if (!limit_bytes.has_value()) return absl::OkStatus();
    const std::string name = absl::StrCat("quota group 1/", group.id);
    if (!usage.has_value() || !usage->limit_bytes.has_value()) {
      Add(Severity::kDamage, kDataDirectory,
          absl::StrCat("nothing limits its size: ", name,
                       usage.has_value() ? " has no limit" : " is missing",
                       "; the next start of the driver makes it again"));
    } else if (*usage->limit_bytes != *limit_bytes) {
      Add(Severity::kDamage, kDataDirectory,
          absl::StrCat("its limit is ", HumanBytes(*usage->limit_bytes), " (", name,
                       "), its record says ", HumanBytes(*limit_bytes),
                       "; the next start of the driver sets it again"));
    }
    return absl::OkStatus();
  }

  // A snapshot has a project of its own, which nothing limits.
  absl::Status CheckProject(int data, uint32_t id, std::optional<int64_t> limit_bytes) {
    ASSIGN_OR_RETURN(const host::Project found, host::ProjectOf(data));
    if (found != host::Project{.id = id, .inherit = true}) {
      Add(Severity::kDamage, kDataDirectory,
          absl::StrCat("is of project ", found.id, ", its record says ", id,
                       "; the next start of the driver puts it right"));
    }
    ASSIGN_OR_RETURN(const host::ProjectQuotaState state, host::GetProjectQuotaState(data));
    if (!state.enforcement) {
      Add(Severity::kDamage, kDataDirectory,
          "nothing limits its size: its filesystem does not enforce project quotas; mount it with "
          "-o prjquota");
    }
    if (!state.accounting) return absl::OkStatus();
    ASSIGN_OR_RETURN(const host::ProjectQuota quota, host::GetProjectQuota(data, id));
    check_.written_bytes = quota.used_bytes;
    if (limit_bytes.has_value() && !quota.limits.HasBytes(*limit_bytes)) {
      Add(Severity::kDamage, kDataDirectory,
          absl::StrCat("its limit is ",
                       quota.limits.bytes == 0 ? "none" : HumanBytes(quota.limits.bytes),
                       " (project ", id, "), its record says ", HumanBytes(*limit_bytes),
                       "; the next start of the driver sets it again"));
    }
    return absl::OkStatus();
  }

  static constexpr char kDirectoryModeText[] = "0700";

  const ObjectPlace& place_;
  UniqueFd object_;
  ObjectCheck check_;
};

ObjectCheck CheckVolumeRecord(const ObjectPlace& place, const DirectoryLimit& limit, bool limited) {
  Look look(place);
  const std::optional<v1::VolumeRecord> record = look.ReadRecordAndNames<v1::VolumeRecord>();
  if (!record.has_value()) return look.Take();
  look.Promised(record->size_bytes());
  if (record->has_image()) {
    look.CheckImage(record->image(), record->size_bytes());
  } else {
    look.CheckDirectory(record->directory(),
                        limited ? std::optional<int64_t>(record->size_bytes()) : std::nullopt,
                        limit);
  }
  return look.Take();
}

}  // namespace

ObjectCheck CheckVolume(const ObjectPlace& place, const DirectoryLimit& limit) {
  return CheckVolumeRecord(place, limit, /*limited=*/true);
}

ObjectCheck CheckDeletedVolume(const ObjectPlace& place) {
  return CheckVolumeRecord(place, {}, /*limited=*/false);
}

ObjectCheck CheckGroup(const ObjectPlace& place, int snapshots) {
  Look look(place);
  const auto record = look.ReadRecordOf<v1::GroupSnapshotRecord>();
  if (!record.has_value()) return look.Take();
  look.CheckNames({});
  look.CheckMembers(*record, snapshots);
  return look.Take();
}

ObjectCheck CheckSnapshot(const ObjectPlace& place) {
  Look look(place);
  const std::optional<v1::SnapshotRecord> record = look.ReadRecordAndNames<v1::SnapshotRecord>();
  if (!record.has_value()) return look.Take();
  look.Promised(record->pinned_bytes());
  if (record->has_image()) {
    v1::ImageContent image = record->image();
    image.set_thick(false);  // copies are sparse
    look.CheckImage(image, record->size_bytes());
  } else {
    look.CheckDirectory(record->directory(), std::nullopt, {});
  }
  return look.Take();
}

}  // namespace nodevol::storage
