// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_COPY_TREE_H_
#define NODEVOL_HOST_COPY_TREE_H_

#include "absl/status/status.h"

namespace nodevol::host {

// Makes the empty directory `target` a copy of the directory `source`, both open for reading:
// owners, modes, times of access and change, extended attributes (ACLs and capabilities are some),
// links, pipes, sockets, device nodes; hard links stay hard links and holes holes; blocks are
// shared where the filesystem can. Inode flags (chattr) and projects are not copied: new files are
// of the project that `target` hands down.
//
// By descriptor, so that no link is followed, at any depth. FAILED_PRECONDITION when something is
// mounted in the source, or a file changes while it is copied: this is no point in time, the caller
// keeps writers away. The caller syncs. After an error a part is there.
absl::Status CopyTree(int source, int target);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_COPY_TREE_H_
