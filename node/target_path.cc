// SPDX-License-Identifier: Apache-2.0
#include "node/target_path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status_macros.h"

namespace nodevol::node {
namespace {

absl::Status HasContent(const TargetPath& target) {
  return absl::FailedPreconditionError(
      absl::StrCat(target.canonical,
                   " has content and is no mount of ours; it is left alone, "
                   "look what put it there"));
}

}  // namespace

bool IsMissing(const absl::Status& status) {
  const int error = ErrnoOf(status);
  return error == ENOENT || error == ENOTDIR;
}

absl::StatusOr<TargetPath> OpenTarget(absl::string_view path) {
  ASSIGN_OR_RETURN(std::vector<absl::string_view> parts, PathComponents(path));
  TargetPath target;
  target.name = std::string(parts.back());
  parts.pop_back();
  ASSIGN_OR_RETURN(target.parent, host::OpenPath(absl::StrCat("/", absl::StrJoin(parts, "/")),
                                                 O_PATH | O_DIRECTORY));
  std::array<char, PATH_MAX> buffer = {};
  const ssize_t length = ::readlink(absl::StrCat("/proc/self/fd/", target.parent.get()).c_str(),
                                    buffer.data(), buffer.size());
  if (length < 0) return ErrnoStatus(errno, "resolve the path's parent");
  const absl::string_view parent(buffer.data(), static_cast<size_t>(length));
  target.canonical = absl::StrCat(parent == "/" ? "" : parent, "/", target.name);
  return target;
}

absl::StatusOr<std::optional<UniqueFd>> LookUp(const TargetPath& target) {
  absl::StatusOr<UniqueFd> fd =
      host::OpenBeneath(target.parent.get(), target.name, O_PATH | O_NOFOLLOW);
  if (ErrnoOf(fd.status()) == ENOENT) return std::optional<UniqueFd>();
  RETURN_IF_ERROR(fd.status());
  return std::optional<UniqueFd>(*std::move(fd));
}

absl::StatusOr<NewTarget> NewTarget::Make(const TargetPath& target, TargetKind kind) {
  absl::Status made;
  if (kind == TargetKind::kDirectory) {
    made = host::MakeDirectory(target.parent.get(), target.name, 0750);
  } else {
    made = host::OpenBeneath(target.parent.get(), target.name, O_WRONLY | O_CREAT | O_EXCL, 0600)
               .status();
  }
  const bool existed = ErrnoOf(made) == EEXIST;
  if (!existed) RETURN_IF_ERROR(Annotate(made, target.canonical));
  NewTarget result(existed ? nullptr : &target, kind);
  ASSIGN_OR_RETURN(result.fd_,
                   host::OpenBeneath(target.parent.get(), target.name, O_PATH | O_NOFOLLOW));
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(result.fd_.get()));
  const bool right_kind = kind == TargetKind::kDirectory ? S_ISDIR(info.mode) : S_ISREG(info.mode);
  if (!right_kind) {
    return absl::FailedPreconditionError(
        absl::StrCat(target.canonical, " is not a ",
                     kind == TargetKind::kDirectory ? "directory" : "regular file",
                     ", so the volume can't be put there; remove it"));
  }
  return result;
}

NewTarget::~NewTarget() {
  if (target_ == nullptr) return;
  fd_.reset();
  if (const absl::Status removed = RemoveTarget(*target_); !removed.ok()) {
    log::Warn("can't remove the target of a failed publish", {{"error", removed}});
  }
}

absl::Status RemoveTarget(const TargetPath& target) {
  const absl::StatusOr<host::FileInfo> info = host::InspectAt(target.parent.get(), target.name);
  if (ErrnoOf(info.status()) == ENOENT) return absl::OkStatus();
  RETURN_IF_ERROR(info.status());
  absl::Status removed;
  if (S_ISDIR(info->mode)) {
    removed = host::RemoveDirectory(target.parent.get(), target.name);
    if (ErrnoOf(removed) == ENOTEMPTY) return HasContent(target);
  } else if (S_ISREG(info->mode) && info->size_bytes == 0) {
    removed = host::RemoveFile(target.parent.get(), target.name);
  } else {
    return HasContent(target);
  }
  return ErrnoOf(removed) == ENOENT ? absl::OkStatus() : removed;
}

}  // namespace nodevol::node
