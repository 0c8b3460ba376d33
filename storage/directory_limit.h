// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_DIRECTORY_LIMIT_H_
#define NODEVOL_STORAGE_DIRECTORY_LIMIT_H_

#include <string>

#include "host/filesystem.h"
#include "proto/storage.pb.h"

namespace nodevol::storage {

// What limits the size of directories in a pool.
struct DirectoryLimit {
  // LIMIT_UNSPECIFIED: nothing does.
  v1::DirectoryContent::Limit kind = v1::DirectoryContent::LIMIT_UNSPECIFIED;
  // Then why, and what to do about it.
  std::string why_none;
};

// Asks the kernel what it enforces now on the filesystem of `root` (open for reading).
DirectoryLimit ProbeDirectoryLimit(int root, host::FilesystemType type);

// "project quotas", "btrfs simple quotas", "none".
const char* NameOf(v1::DirectoryContent::Limit limit);
// The same for a log, with the reason for none.
std::string Describe(const DirectoryLimit& limit);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_DIRECTORY_LIMIT_H_
