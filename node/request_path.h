// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_REQUEST_PATH_H_
#define NODEVOL_NODE_REQUEST_PATH_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "node/target_path.h"
#include "storage/local_storage.h"

namespace nodevol::node {

inline constexpr absl::string_view kStagingPath = "staging_target_path";
inline constexpr absl::string_view kTargetPath = "target_path";

// A path in a request; errors name its field. One in a pool is INVALID_ARGUMENT: nothing there is
// the CO's to mount on or to remove.
struct PathField {
  absl::string_view name;
  absl::string_view value;
};

// A path whose parent the CO should have made; FAILED_PRECONDITION when it has not.
absl::StatusOr<TargetPath> OpenExistingTarget(const storage::LocalStorage& storage,
                                              const PathField& path);
// A path where something may be undone: nullopt when even its parent is gone.
absl::StatusOr<std::optional<TargetPath>> OpenFormerTarget(const storage::LocalStorage& storage,
                                                           const PathField& path);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_REQUEST_PATH_H_
