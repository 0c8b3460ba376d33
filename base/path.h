// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_PATH_H_
#define NODEVOL_BASE_PATH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Paths as texts; the disk is not asked.
namespace nodevol {

// The names in an absolute path, at least one; "." is none. INVALID_ARGUMENT for a path that is not
// absolute, has "..", or has names that no file can have.
absl::StatusOr<std::vector<absl::string_view>> PathComponents(absl::string_view path);

// "/a//b/./c/" as "/a/b/c". Codes as above.
absl::StatusOr<std::string> NormalizePath(absl::string_view path);

// True when `path` is `directory` or beneath it; both are normal.
bool IsPathWithin(absl::string_view path, absl::string_view directory);

}  // namespace nodevol

#endif  // NODEVOL_BASE_PATH_H_
