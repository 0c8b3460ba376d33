// SPDX-License-Identifier: Apache-2.0
#include "bench/floor.h"

#include <fcntl.h>
#include <sys/types.h>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "host/file.h"
#include "host/remove_tree.h"

namespace nodevol::bench {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr char kFile[] = "record";
constexpr char kRoot[] = "floor";

absl::StatusOr<UniqueFd> MakeAndOpen(int parent, const std::string& name) {
  RETURN_IF_ERROR(host::MakeDirectory(parent, name, kDirectoryMode));
  return host::OpenDirectory(parent, name);
}

absl::Status MakeObject(int staging, int made, const std::string& name,
                        const std::string& content) {
  ASSIGN_OR_RETURN(const UniqueFd object, MakeAndOpen(staging, name));
  RETURN_IF_ERROR(host::WriteNewFile(object.get(), kFile, content, kFileMode));
  RETURN_IF_ERROR(host::RenameNoReplace(staging, name, made, name));
  return host::Sync(made);
}

}  // namespace

absl::StatusOr<Phase> MeasureFloor(const std::string& filesystem, int workers, int count) {
  const std::string content(1024, 'x');
  ASSIGN_OR_RETURN(const UniqueFd top, host::OpenPath(filesystem, O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const UniqueFd root, MakeAndOpen(top.get(), kRoot));
  ASSIGN_OR_RETURN(const UniqueFd staging, MakeAndOpen(root.get(), "staging"));
  ASSIGN_OR_RETURN(const UniqueFd made, MakeAndOpen(root.get(), "made"));
  ASSIGN_OR_RETURN(Phase phase, RunLoad(workers, count, [&](int, int index) {
                     return MakeObject(staging.get(), made.get(), absl::StrCat(index), content);
                   }));
  RETURN_IF_ERROR(host::RemoveTree(top.get(), kRoot));
  return phase;
}

}  // namespace nodevol::bench
