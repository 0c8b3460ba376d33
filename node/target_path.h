// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_TARGET_PATH_H_
#define NODEVOL_NODE_TARGET_PATH_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "base/unique_fd.h"
#include "host/file.h"

namespace nodevol::node {

// A path that the CO named for a mount, taken apart: its parent directory, held open, and the last
// component, which is never followed when it is a link.
struct TargetPath {
  UniqueFd parent;
  std::string name;
  // Without links: what the mount table calls it.
  std::string canonical;
};

// INVALID_ARGUMENT for a path that is not absolute or has "..", IsMissing() when its parent is no
// directory.
absl::StatusOr<TargetPath> OpenTarget(absl::string_view path);
bool IsMissing(const absl::Status& status);

// What is at the path now (O_PATH, a link is not followed); nullopt when nothing is.
absl::StatusOr<std::optional<UniqueFd>> LookUp(const TargetPath& target);

enum class TargetKind { kDirectory, kFile };

// What to mount on, made when it is missing and then removed again unless kept.
class NewTarget {
 public:
  // FAILED_PRECONDITION when something of the other kind is there.
  static absl::StatusOr<NewTarget> Make(const TargetPath& target, TargetKind kind);
  NewTarget(NewTarget&& other) noexcept
      : target_(std::exchange(other.target_, nullptr)),
        kind_(other.kind_),
        fd_(std::move(other.fd_)) {}
  NewTarget& operator=(NewTarget&&) = delete;
  ~NewTarget();

  // O_PATH.
  [[nodiscard]] int fd() const { return fd_.get(); }
  void Keep() { target_ = nullptr; }

 private:
  NewTarget(const TargetPath* made, TargetKind kind) : target_(made), kind_(kind) {}

  const TargetPath* target_;  // null when there is nothing to remove
  TargetKind kind_;
  UniqueFd fd_;
};

// Removes the empty directory or the empty file at the path, never what is in it. OK when nothing
// is there. FAILED_PRECONDITION when it has content: that is somebody's.
absl::Status RemoveTarget(const TargetPath& target);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_TARGET_PATH_H_
