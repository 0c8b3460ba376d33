// SPDX-License-Identifier: Apache-2.0
#include "test/service/pool_listing.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/sha256.h"

namespace nodevol::testing {
namespace {

// Larger ones are images and the pool's reserve.
constexpr off_t kMaxContentBytes = kMiB;

std::string ContentOf(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return Sha256Hex(content.str());
}

std::string Describe(const std::string& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return absl::StrCat(path, " vanished");
  std::string line = absl::StrCat(path, " mode ", status.st_mode);
  if (!S_ISREG(status.st_mode)) return line;
  absl::StrAppend(&line, " size ", status.st_size);
  if (status.st_size <= kMaxContentBytes) absl::StrAppend(&line, " content ", ContentOf(path));
  return line;
}

}  // namespace

std::vector<std::string> ListPool(const std::string& path) {
  std::vector<std::string> lines;
  // The driver's reaper may remove what the iterator is about to enter.
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(path, error);
  const std::filesystem::recursive_directory_iterator end;
  for (; !error && entry != end; entry.increment(error)) {
    lines.push_back(Describe(entry->path().string()));
  }
  if (error) lines.push_back(absl::StrCat("not listed to the end: ", error.message()));
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace nodevol::testing
