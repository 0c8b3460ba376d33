// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_MKFS_OPTIONS_H_
#define NODEVOL_STORAGE_MKFS_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "host/filesystem.h"

namespace nodevol::storage {

// Splits the parameter mkfsOptions ("-i size=512 -m rmapbt=0") at spaces and checks each word
// against an allow-list by filesystem: mkfs runs as root, and some of its options name files and
// devices. INVALID_ARGUMENT names the word.
absl::StatusOr<std::vector<std::string>> ParseMkfsOptions(host::FilesystemType type,
                                                          absl::string_view options);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_MKFS_OPTIONS_H_
