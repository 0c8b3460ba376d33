// SPDX-License-Identifier: Apache-2.0
#include "base/path.h"

#include <climits>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "base/status_macros.h"

namespace nodevol {

absl::StatusOr<std::vector<absl::string_view>> PathComponents(absl::string_view path) {
  std::vector<absl::string_view> parts = absl::StrSplit(
      path, '/', [](absl::string_view part) { return !part.empty() && part != "."; });
  bool bad = false;
  for (const absl::string_view part : parts) bad |= part == ".." || part.size() > NAME_MAX;
  if (!absl::StartsWith(path, "/") || parts.empty() || bad) {
    return absl::InvalidArgumentError(
        absl::StrCat("path \"", path,
                     "\" must be absolute, without \"..\" and without names of "
                     "more than ",
                     NAME_MAX, " bytes"));
  }
  return parts;
}

absl::StatusOr<std::string> NormalizePath(absl::string_view path) {
  ASSIGN_OR_RETURN(const std::vector<absl::string_view> parts, PathComponents(path));
  return absl::StrCat("/", absl::StrJoin(parts, "/"));
}

bool IsPathWithin(absl::string_view path, absl::string_view directory) {
  return path == directory || absl::StartsWith(path, absl::StrCat(directory, "/"));
}

}  // namespace nodevol
