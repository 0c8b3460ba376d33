// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_ROOT_FILESYSTEM_H_
#define NODEVOL_STORAGE_ROOT_FILESYSTEM_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Whether a directory is on the root filesystem, which is where a pool would be when the disk that
// is meant for it is not mounted.
namespace nodevol::storage {

// True when the open directory is on the filesystem of "/", as this process sees it.
absl::StatusOr<bool> IsOnRootFilesystem(int directory);

// FAILED_PRECONDITION when the directory seems to be on the root filesystem of the node, seen from
// inside a container, which has a root of its own. `path` is absolute and without links. That the
// container has it where the node has it is taken for granted, and a directory of a disk that is
// bound to the very path that it has on the disk is taken for one of the root filesystem.
absl::Status CheckOfOwnFilesystem(const std::string& path);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_ROOT_FILESYSTEM_H_
