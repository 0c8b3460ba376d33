// SPDX-License-Identifier: Apache-2.0
#include "storage/node_check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "host/file.h"
#include "host/filesystem_tools.h"
#include "host/kernel.h"
#include "host/mount_table.h"
#include "host/privilege.h"
#include "storage/capability.h"

namespace nodevol::storage {
namespace {

using Severity = NodeFinding::Severity;

NodeFinding CheckKernel(const v1::VolumeRecord& volume) {
  const host::KernelVersion kernel = host::RunningKernel();
  const std::string running = absl::StrCat("Linux ", kernel.release);
  if (!kernel.AtLeast(5, 12)) {
    return {Severity::kProblem, "kernel",
            absl::StrCat(running, ": mounts are made by calls that Linux 5.12 brought")};
  }
  if (!kernel.AtLeast(5, 19)) {
    return {Severity::kWarning, "kernel",
            absl::StrCat(running, ": pools on ext4 need Linux 5.19, directories on btrfs 6.7")};
  }
  if (!kernel.AtLeast(6, 7)) {
    return {volume.directory().limit() == v1::DirectoryContent::BTRFS_SIMPLE_QUOTA
                ? Severity::kProblem
                : Severity::kNote,
            "kernel", absl::StrCat(running, ": directories on btrfs need Linux 6.7")};
  }
  return {Severity::kOk, "kernel", running};
}

bool IsExecutable(const std::string& path) {
  const absl::StatusOr<UniqueFd> file = host::OpenPath(path, O_PATH);
  if (!file.ok()) return false;
  const absl::StatusOr<host::FileInfo> info = host::Inspect(file->get());
  return info.ok() && S_ISREG(info->mode) && (info->mode & S_IXUSR) != 0;
}

void CheckPrograms(const v1::VolumeRecord& volume, std::vector<NodeFinding>& findings) {
  const bool any = !volume.has_image() && !volume.has_directory();
  for (const host::FilesystemType type :
       {host::FilesystemType::kExt4, host::FilesystemType::kXfs, host::FilesystemType::kBtrfs}) {
    const bool needed = any || FilesystemTypeOf(volume) == host::FilesystemName(type);
    const std::vector<std::string> programs = host::ProgramsFor(type);
    for (const std::string& program : programs) {
      if (IsExecutable(program)) {
        findings.push_back({Severity::kOk, program, "is there"});
        continue;
      }
      // The first makes the filesystem; without the others it can't be grown offline.
      const Severity missing =
          program == programs.front() ? Severity::kProblem : Severity::kWarning;
      findings.push_back({needed ? missing : Severity::kNote, program,
                          absl::StrCat("is missing: images with ", host::FilesystemName(type),
                                       " need it; install it where the driver runs")});
    }
  }
}

NodeFinding CheckLoopControl(const v1::VolumeRecord& volume) {
  constexpr char kPath[] = "/dev/loop-control";
  const absl::StatusOr<host::FileInfo> info = host::InspectPath(kPath);
  if (info.ok() && S_ISCHR(info->mode)) return {Severity::kOk, kPath, "is there"};
  return {volume.has_directory() ? Severity::kNote : Severity::kProblem, kPath,
          "is missing: images need loop devices; load the module loop, and show the driver the "
          "host's /dev"};
}

NodeFinding CheckPropagation(const std::string& kubelet_path) {
  if (!host::InspectPath(kubelet_path).ok()) {
    return {Severity::kNote, kubelet_path,
            "is not here, so whether kubelet sees the driver's mounts can't be said; name "
            "kubelet's directory with --kubelet-dir"};
  }
  const absl::StatusOr<std::vector<host::MountEntry>> table = host::ReadMountTable();
  if (!table.ok()) return {Severity::kWarning, kubelet_path, std::string(table.status().message())};
  const host::MountEntry* const mount = host::MountOf(*table, kubelet_path);
  if (mount != nullptr && mount->shared) {
    return {Severity::kOk, kubelet_path, "is on a shared mount: pods see the driver's mounts"};
  }
  return {Severity::kWarning, kubelet_path,
          "is on a mount that is not shared: unless the driver is in kubelet's mount namespace, "
          "pods see empty directories; in a container mount it with mountPropagation "
          "Bidirectional"};
}

NodeFinding CheckGrowth(const v1::VolumeRecord& volume) {
  if (host::MayHaveSysResource()) {
    return {Severity::kOk, "CAP_SYS_RESOURCE", "is there: ext4 grows while it is mounted"};
  }
  return {FilesystemTypeOf(volume) == "ext4" ? Severity::kWarning : Severity::kNote,
          "CAP_SYS_RESOURCE",
          "is missing: an ext4 grows only when its pod is started again; give the driver the "
          "capability"};
}

}  // namespace

std::vector<NodeFinding> CheckNode(const v1::VolumeRecord& volume,
                                   const std::string& kubelet_path) {
  std::vector<NodeFinding> findings;
  findings.push_back(CheckKernel(volume));
  CheckPrograms(volume, findings);
  findings.push_back(CheckLoopControl(volume));
  findings.push_back(CheckPropagation(kubelet_path));
  findings.push_back(CheckGrowth(volume));
  return findings;
}

}  // namespace nodevol::storage
