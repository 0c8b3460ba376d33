// SPDX-License-Identifier: Apache-2.0
#include "storage/pool_check.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/file_lock.h"
#include "host/filesystem.h"
#include "storage/directory_limit.h"
#include "storage/ids.h"
#include "storage/layout.h"
#include "storage/object_check.h"
#include "storage/pool_init.h"
#include "storage/reserve.h"
#include "storage/trash.h"

namespace nodevol::storage {
namespace {

using Severity = PoolFinding::Severity;

// What may be in the pool's directory, and in .nodevol.
constexpr const char* kPoolNames[] = {kMetaDirectory, kVolumesDirectory, kSnapshotsDirectory,
                                      kGroupsDirectory, "lost+found"};
constexpr const char* kMetaNames[] = {kMarkerFile,    kLockFile,       kReserveFile,
                                      kEpochFile,     kProjectIdsFile, kStagingDirectory,
                                      kTrashDirectory};

class Checker {
 public:
  explicit Checker(const std::string& path) { check_.path = path; }

  absl::StatusOr<PoolCheck> Run() {
    ASSIGN_OR_RETURN(root_, host::OpenPath(check_.path, O_RDONLY | O_DIRECTORY));
    ASSIGN_OR_RETURN(type_, host::IdentifyFilesystem(root_.get()));
    check_.filesystem = std::string(host::FilesystemName(type_));
    RETURN_IF_ERROR(CheckIsPool());
    if (type_ == host::FilesystemType::kOther) {
      Add(Severity::kDamage, "", "is on a filesystem that no pool can be on; is its disk mounted?");
    }
    limit_ = ProbeDirectoryLimit(root_.get(), type_);
    check_.directory_limit = NameOf(limit_.kind);
    CheckMarker();
    CheckOwner();
    CheckSpace();
    CheckNames("", kPoolNames, root_.get());
    CheckNames(kMetaDirectory, kMetaNames, meta_.get());
    InDirectory(root_, kVolumesDirectory, [this](int directory) { CheckVolumes(directory); });
    InDirectory(root_, kSnapshotsDirectory, [this](int directory) { CheckSnapshots(directory); });
    // A pool of an older driver has none, and gets one at its next start.
    if (host::InspectAt(root_.get(), kGroupsDirectory).ok()) {
      InDirectory(root_, kGroupsDirectory, [this](int directory) { CheckGroups(directory); });
    }
    InDirectory(meta_, kStagingDirectory, [this](int directory) { CheckStaging(directory); });
    InDirectory(meta_, kTrashDirectory, [this](int directory) { CheckTrash(directory); });
    return std::move(check_);
  }

 private:
  void Add(Severity severity, std::string path, std::string what) {
    check_.findings.push_back({severity, std::move(path), std::move(what)});
  }

  absl::Status CheckIsPool() {
    absl::StatusOr<UniqueFd> meta = host::OpenDirectory(root_.get(), kMetaDirectory);
    if (meta.ok()) {
      meta_ = *std::move(meta);
      return absl::OkStatus();
    }
    if (ErrnoOf(meta.status()) != ENOENT) return meta.status();
    if (host::InspectAt(root_.get(), kVolumesDirectory).ok()) {
      Add(Severity::kDamage, kMetaDirectory, "is missing; restore it from a backup");
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(
        absl::StrCat(check_.path,
                     " is no pool (no .nodevol in it); is its disk mounted? A new pool is prepared "
                     "with \"nodevol pool init\""));
  }

  void CheckMarker() {
    const std::string path = absl::StrCat(kMetaDirectory, "/", kMarkerFile);
    const absl::StatusOr<std::optional<v1::PoolMarker>> marker = ReadPoolMarker(root_.get());
    if (!marker.ok()) {
      Add(Severity::kDamage, path, std::string(marker.status().message()));
      return;
    }
    if (!marker->has_value()) {
      Add(Severity::kDamage, path,
          "is missing; restore it from a backup, and do not empty the pool");
      return;
    }
    if (!IsUuid((*marker)->pool_uuid())) {
      Add(Severity::kDamage, path, "has no valid UUID; restore it from a backup");
      return;
    }
    check_.uuid = (*marker)->pool_uuid();
    const absl::StatusOr<std::string> mounted = host::FilesystemUuid(root_.get());
    if (!mounted.ok()) {
      Add(Severity::kWarning, "",
          absl::StrCat("which filesystem it is on can't be said: ", mounted.status().message()));
    } else if (*mounted != (*marker)->filesystem_uuid()) {
      Add(Severity::kDamage, path,
          absl::StrCat("is of filesystem ", (*marker)->filesystem_uuid(), ", mounted is ", *mounted,
                       ": this is a copy, or the wrong disk; no driver uses it"));
    }
  }

  void CheckOwner() {
    const absl::StatusOr<UniqueFd> lock = host::OpenBeneath(meta_.get(), kLockFile, O_RDONLY);
    if (!lock.ok()) return;  // made at start
    const absl::StatusOr<bool> locked = host::IsLockedByAnother(lock->get());
    if (!locked.ok() || !*locked) return;
    constexpr size_t kMaxBytes = 256;
    const absl::StatusOr<std::string> owner = host::ReadFile(meta_.get(), kLockFile, kMaxBytes);
    check_.owner = owner.ok() && !owner->empty() ? *owner : "a process";
  }

  void CheckSpace() {
    const absl::StatusOr<host::FilesystemUsage> usage = host::UsageOf(root_.get());
    if (!usage.ok()) {
      Add(Severity::kDamage, "",
          absl::StrCat("its space can't be asked for: ", usage.status().message()));
      return;
    }
    check_.filesystem_bytes = usage->total_bytes;
    check_.available_bytes = usage->available_bytes;
    if (usage->read_only) {
      Add(Severity::kDamage, "",
          "its filesystem is read-only; look at dmesg, repair it, mount it "
          "writable");
    }
    const int64_t wanted = Reserve::SizeFor(usage->total_bytes);
    const absl::StatusOr<host::FileInfo> reserve = host::InspectAt(meta_.get(), kReserveFile);
    if (reserve.ok()) check_.reserve_bytes = reserve->allocated_bytes;
    if (check_.reserve_bytes < wanted) {
      Add(Severity::kWarning, absl::StrCat(kMetaDirectory, "/", kReserveFile),
          absl::StrCat("has ", HumanBytes(check_.reserve_bytes), " of ", HumanBytes(wanted),
                       ": the pool was full; free some space, the driver takes it back"));
    }
  }

  template <size_t count>
  void CheckNames(absl::string_view directory, const char* const (&known)[count], int fd) {
    const absl::StatusOr<std::vector<std::string>> names = host::ListDirectory(fd);
    if (!names.ok()) return;  // InDirectory tells
    for (const std::string& name : *names) {
      if (std::find(std::begin(known), std::end(known), name) != std::end(known)) continue;
      const bool temporary = !directory.empty() && absl::EndsWith(name, kTemporarySuffix);
      Add(temporary ? Severity::kNote : Severity::kWarning,
          absl::StrCat(directory, directory.empty() ? "" : "/", name),
          temporary ? "a replacement of a file that was interrupted; it is garbage"
                    : "is not the driver's; its space is missing to the volumes. Move it away");
    }
  }

  void InDirectory(const UniqueFd& parent, absl::string_view name,
                   absl::FunctionRef<void(int)> look) {
    if (!parent.valid()) return;
    const std::string path =
        parent.get() == root_.get() ? std::string(name) : absl::StrCat(kMetaDirectory, "/", name);
    const absl::StatusOr<UniqueFd> directory = host::OpenDirectory(parent.get(), name);
    if (!directory.ok()) {
      Add(Severity::kDamage, path, absl::StrCat("can't be opened: ", directory.status().message()));
      return;
    }
    look(directory->get());
  }

  // Calls `look` with each name in the directory.
  void ForEachName(int directory, const std::string& path,
                   absl::FunctionRef<void(const std::string&)> look) {
    absl::StatusOr<std::vector<std::string>> names = host::ListDirectory(directory);
    if (!names.ok()) {
      Add(Severity::kDamage, path, absl::StrCat("can't be listed: ", names.status().message()));
      return;
    }
    std::sort(names->begin(), names->end());
    for (const std::string& name : *names) look(name);
  }

  void CheckVolumes(int directory) {
    ForEachName(directory, kVolumesDirectory, [&](const std::string& name) {
      if (!IsOurs<VolumeId>(kVolumesDirectory, name)) return;
      const ObjectPlace place = {directory, name, absl::StrCat(kVolumesDirectory, "/", name), name};
      if (Adopt(place, check_.volume_bytes,
                [this, &place] { return CheckVolume(place, limit_); })) {
        ++check_.volumes;
      }
    });
  }

  void CheckSnapshots(int directory) {
    ForEachName(directory, kSnapshotsDirectory, [&](const std::string& name) {
      if (!IsOurs<SnapshotId>(kSnapshotsDirectory, name)) return;
      const ObjectPlace place = {directory, name, absl::StrCat(kSnapshotsDirectory, "/", name),
                                 name};
      if (Adopt(place, check_.snapshot_bytes, [&place] { return CheckSnapshot(place); })) {
        ++check_.snapshots;
      }
    });
  }

  void CheckGroups(int directory) {
    const absl::StatusOr<UniqueFd> snapshots =
        host::OpenDirectory(root_.get(), kSnapshotsDirectory);
    if (!snapshots.ok()) return;  // that was said
    ForEachName(directory, kGroupsDirectory, [&](const std::string& name) {
      if (!IsOurs<GroupId>(kGroupsDirectory, name)) return;
      const ObjectPlace place = {directory, name, absl::StrCat(kGroupsDirectory, "/", name), name};
      int64_t nothing = 0;  // its members have their space
      Adopt(place, nothing, [&] { return CheckGroup(place, snapshots->get()); });
    });
  }

  void CheckStaging(int directory) {
    const std::string path = absl::StrCat(kMetaDirectory, "/", kStagingDirectory);
    ForEachName(directory, path, [&](const std::string& name) {
      ++check_.staging_entries;
      const bool owned = !check_.owner.empty();
      Add(owned ? Severity::kNote : Severity::kWarning, absl::StrCat(path, "/", name),
          owned ? "is being built" : "was never finished; the next start of a driver removes it");
    });
  }

  void CheckTrash(int directory) {
    const std::string path = absl::StrCat(kMetaDirectory, "/", kTrashDirectory);
    ForEachName(directory, path, [&](const std::string& name) {
      const std::optional<TrashName> parsed = TrashName::Parse(name);
      if (!parsed.has_value() || !parsed->kept.has_value() || parsed->kept->until <= absl::Now()) {
        ++check_.trash_entries;
        return;
      }
      const ObjectPlace place = {directory, name, absl::StrCat(path, "/", name), parsed->id};
      if (Adopt(place, check_.deleted_bytes, [&place] { return CheckDeletedVolume(place); })) {
        ++check_.deleted_volumes;
      }
    });
  }

  template <typename Id>
  bool IsOurs(absl::string_view directory, const std::string& name) {
    const std::optional<Id> id = Id::Parse(name);
    const std::string path = absl::StrCat(directory, "/", name);
    if (!id.has_value()) {
      Add(Severity::kWarning, path, "is not the driver's; move it away");
      return false;
    }
    if (!check_.uuid.empty() && id->pool_uuid() != check_.uuid) {
      Add(Severity::kDamage, path,
          absl::StrCat("is of pool ", id->pool_uuid(), "; move it back there"));
      return false;
    }
    return true;
  }

  // Takes over what a look at an object says. Returns false when it is gone.
  bool Adopt(const ObjectPlace& place, int64_t& promised, absl::FunctionRef<ObjectCheck()> look) {
    const auto gone = [&place] {
      return ErrnoOf(host::InspectAt(place.parent, place.name).status()) == ENOENT;
    };
    ObjectCheck check = look();
    // The driver may be at work on it: what is seen twice is so.
    if (!check.findings.empty() && !check_.owner.empty()) check = look();
    if (!check.findings.empty() && gone()) return false;
    promised += check.promised_bytes;
    check_.written_bytes += check.written_bytes;
    for (PoolFinding& finding : check.findings) check_.findings.push_back(std::move(finding));
    return true;
  }

  PoolCheck check_;
  UniqueFd root_;
  UniqueFd meta_;
  host::FilesystemType type_ = host::FilesystemType::kOther;
  DirectoryLimit limit_;
};

}  // namespace

bool PoolCheck::Damaged() const {
  return std::any_of(findings.begin(), findings.end(), [](const PoolFinding& finding) {
    return finding.severity == Severity::kDamage;
  });
}

absl::StatusOr<PoolCheck> CheckPool(const std::string& path) { return Checker(path).Run(); }

}  // namespace nodevol::storage
