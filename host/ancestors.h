// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_ANCESTORS_H_
#define NODEVOL_HOST_ANCESTORS_H_

#include "absl/status/statusor.h"

#include "host/file.h"

namespace nodevol::host {

// True when the directory `fd` (O_PATH is enough) is `ancestor` or beneath it: by the files
// themselves, whatever the paths and mounts that lead to them are called.
absl::StatusOr<bool> IsWithin(int fd, const FileInfo& ancestor);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_ANCESTORS_H_
