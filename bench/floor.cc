// SPDX-License-Identifier: Apache-2.0
#include "bench/floor.h"

#include <fcntl.h>
#include <sys/types.h>

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "host/btrfs.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/remove_tree.h"

namespace nodevol::bench {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr char kFile[] = "record";
constexpr char kRoot[] = "floor";
constexpr char kSubvolume[] = "data";

absl::StatusOr<UniqueFd> MakeAndOpen(int parent, const std::string& name) {
  RETURN_IF_ERROR(host::MakeDirectory(parent, name, kDirectoryMode));
  return host::OpenDirectory(parent, name);
}

absl::Status MakeObject(int staging, int made, const std::string& name,
                        const std::string& content) {
  ASSIGN_OR_RETURN(const UniqueFd object, MakeAndOpen(staging, name));
  RETURN_IF_ERROR(host::WriteNewFile(object.get(), kFile, content, kFileMode));
  RETURN_IF_ERROR(host::RenameNoReplace(staging, name, made, name));
  return host::Sync(made);
}

absl::Status LimitSubvolume(int object, int64_t bytes) {
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object, kSubvolume));
  ASSIGN_OR_RETURN(const host::SubvolumeId id, host::SubvolumeOf(data.get()));
  RETURN_IF_ERROR(host::CreateQuotaGroup(object, {1, id}));
  RETURN_IF_ERROR(host::AddToQuotaGroup(object, {0, id}, {1, id}));
  RETURN_IF_ERROR(host::SetQuotaLimit(object, {1, id}, bytes));
  return host::CommitTransaction(object);
}

absl::Status MakeSubvolume(int staging, int made, const std::string& name,
                           const std::string& content, int64_t bytes) {
  ASSIGN_OR_RETURN(const UniqueFd object, MakeAndOpen(staging, name));
  RETURN_IF_ERROR(host::CreateSubvolume(object.get(), kSubvolume));
  RETURN_IF_ERROR(LimitSubvolume(object.get(), bytes));
  RETURN_IF_ERROR(host::WriteNewFile(object.get(), kFile, content, kFileMode));
  RETURN_IF_ERROR(host::Sync(object.get()));
  RETURN_IF_ERROR(host::RenameNoReplace(staging, name, made, name));
  RETURN_IF_ERROR(host::Sync(made));
  return host::Sync(staging);
}

absl::Status RemoveSubvolume(int made, const std::string& name) {
  ASSIGN_OR_RETURN(const UniqueFd object, host::OpenDirectory(made, name));
  ASSIGN_OR_RETURN(const UniqueFd data, host::OpenDirectory(object.get(), kSubvolume));
  ASSIGN_OR_RETURN(const host::SubvolumeId id, host::SubvolumeOf(data.get()));
  RETURN_IF_ERROR(host::TakeFromQuotaGroup(object.get(), {0, id}, {1, id}));
  RETURN_IF_ERROR(host::RemoveQuotaGroup(object.get(), {1, id}));
  return host::DestroySubvolume(object.get(), kSubvolume);
}

// Directories for one measurement in the root of a filesystem.
struct FloorDirectories {
  UniqueFd top;
  UniqueFd staging;
  UniqueFd made;

  static absl::StatusOr<FloorDirectories> Make(const std::string& filesystem) {
    ASSIGN_OR_RETURN(UniqueFd top, host::OpenPath(filesystem, O_RDONLY | O_DIRECTORY));
    ASSIGN_OR_RETURN(const UniqueFd root, MakeAndOpen(top.get(), kRoot));
    ASSIGN_OR_RETURN(UniqueFd staging, MakeAndOpen(root.get(), "staging"));
    ASSIGN_OR_RETURN(UniqueFd made, MakeAndOpen(root.get(), "made"));
    return FloorDirectories{std::move(top), std::move(staging), std::move(made)};
  }
  [[nodiscard]] absl::Status Remove() const { return host::RemoveTree(top.get(), kRoot); }
};

std::string RecordContent() { return std::string(1024, 'x'); }

}  // namespace

absl::StatusOr<Phase> MeasureFloor(const std::string& filesystem, int workers, int count) {
  const std::string content = RecordContent();
  ASSIGN_OR_RETURN(const FloorDirectories in, FloorDirectories::Make(filesystem));
  ASSIGN_OR_RETURN(Phase phase, RunLoad(workers, count, [&](int, int index) {
                     return MakeObject(in.staging.get(), in.made.get(), absl::StrCat(index),
                                       content);
                   }));
  RETURN_IF_ERROR(in.Remove());
  return phase;
}

absl::StatusOr<Phase> MeasureBareSubvolumes(const std::string& filesystem, int64_t bytes,
                                            int workers, int count) {
  const std::string content = RecordContent();
  ASSIGN_OR_RETURN(const FloorDirectories in, FloorDirectories::Make(filesystem));
  ASSIGN_OR_RETURN(Phase phase, RunLoad(workers, count, [&](int, int index) {
                     return MakeSubvolume(in.staging.get(), in.made.get(), absl::StrCat(index),
                                          content, bytes);
                   }));
  for (int index = 0; index < count; ++index) {
    RETURN_IF_ERROR(RemoveSubvolume(in.made.get(), absl::StrCat(index)));
  }
  RETURN_IF_ERROR(in.Remove());
  return phase;
}

}  // namespace nodevol::bench
