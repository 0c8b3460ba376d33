// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_FILE_ATTRIBUTES_H_
#define NODEVOL_HOST_FILE_ATTRIBUTES_H_

#include <sys/stat.h>

#include "absl/status/status.h"

namespace nodevol::host {

// Gives `target` the owner, mode, extended attributes and times of `source`, which fstat(2) says
// are `info`. Both are files of the same type, O_PATH is enough.
absl::Status CopyAttributes(int source, const struct stat& info, int target);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_FILE_ATTRIBUTES_H_
