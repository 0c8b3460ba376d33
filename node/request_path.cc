// SPDX-License-Identifier: Apache-2.0
#include "node/request_path.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::node {
namespace {

absl::StatusOr<TargetPath> OpenOutsidePools(const storage::LocalStorage& storage,
                                            const PathField& path) {
  absl::StatusOr<TargetPath> target = OpenTarget(path.value);
  if (!target.ok()) return Annotate(target.status(), path.name);
  if (storage.IsInPool(target->canonical)) {
    return absl::InvalidArgumentError(absl::StrCat(path.name, ": ", target->canonical,
                                                   " is in a pool; volumes are mounted elsewhere"));
  }
  return target;
}

}  // namespace

absl::StatusOr<TargetPath> OpenExistingTarget(const storage::LocalStorage& storage,
                                              const PathField& path) {
  absl::StatusOr<TargetPath> target = OpenOutsidePools(storage, path);
  if (ErrnoOf(target.status()) == 0) return target;
  return absl::FailedPreconditionError(
      absl::StrCat(path.name, " ", path.value, ": its parent can't be opened (",
                   target.status().message(), "); the CO makes it before it calls"));
}

absl::StatusOr<std::optional<TargetPath>> OpenFormerTarget(const storage::LocalStorage& storage,
                                                           const PathField& path) {
  absl::StatusOr<TargetPath> target = OpenOutsidePools(storage, path);
  if (IsMissing(target.status())) return std::optional<TargetPath>();
  RETURN_IF_ERROR(target.status());
  return std::optional<TargetPath>(*std::move(target));
}

}  // namespace nodevol::node
