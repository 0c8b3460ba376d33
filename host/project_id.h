// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_PROJECT_ID_H_
#define NODEVOL_HOST_PROJECT_ID_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The project that a file of XFS or ext4 is charged to (ioctl_xfs_fsgetxattr(2)). The file's owner
// can change it, unless he is in a user namespace.
namespace nodevol::host {

struct Project {
  uint32_t id = 0;       // 0: none
  bool inherit = false;  // of a directory: what is made in it is of the same project

  friend bool operator==(const Project&, const Project&) = default;
};

// `fd` is any file; O_PATH is enough. Links, devices, pipes and sockets need Linux 6.17 or newer
// and a filesystem that can: UNIMPLEMENTED otherwise. FAILED_PRECONDITION where the filesystem
// knows no projects.
absl::StatusOr<Project> ProjectOf(int fd);
// The same; the file's other attributes stay. A file that others hold open is never waited for.
// Whether the new project's limit counts is the filesystem's choice: ext4 answers EDQUOT without
// CAP_SYS_RESOURCE, XFS never.
absl::Status SetProject(int fd, const Project& project);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_PROJECT_ID_H_
