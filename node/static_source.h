// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_STATIC_SOURCE_H_
#define NODEVOL_NODE_STATIC_SOURCE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"
#include "host/file.h"
#include "storage/local_storage.h"
#include "storage/static_volume.h"

namespace nodevol::node {

// Where static volumes may be (--static-path): normal paths.
using StaticPrefixes = std::vector<std::string>;

// What stands at the path of a static volume, held open: from here on the path is not looked up any
// more, so nobody can put something else there.
struct StaticSource {
  UniqueFd fd;  // O_PATH
  host::FileInfo info;

  // What a read-only mount protects from writing: not sockets and devices, which are written to
  // behind the filesystem's back.
  [[nodiscard]] bool CanBeReadOnly() const;
  [[nodiscard]] bool IsDevice() const;
  [[nodiscard]] bool IsDirectory() const;
};

// FAILED_PRECONDITION unless the volume's path is one of the prefixes or beneath one.
absl::Status CheckAllowed(const StaticPrefixes& prefixes, const storage::StaticVolume& volume);

enum class MayCreate { kYes, kNo };

// Opens it, and makes it before where the type says so (and `create` too); what was made stays,
// since other pods may use it at once. No symbolic link is followed, neither in the prefix nor
// beneath it.
//
// NOT_FOUND when nothing is there. FAILED_PRECONDITION when the path is not allowed, its prefix is
// missing, something on the way is a link, or it is of another type. INVALID_ARGUMENT when it has
// to do with a pool.
absl::StatusOr<StaticSource> OpenStaticSource(const storage::LocalStorage& storage,
                                              const StaticPrefixes& prefixes,
                                              const storage::StaticVolume& volume,
                                              MayCreate create);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_STATIC_SOURCE_H_
