// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_REMOVE_TREE_H_
#define NODEVOL_HOST_REMOVE_TREE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nodevol::host {

// Removes `name` in `directory` with all that is beneath it, by descriptor: no symbolic link is
// followed, and a directory on another filesystem or with something mounted on it stops the removal
// with FAILED_PRECONDITION (rm -r through a forgotten mount is how data is lost). Any depth is
// handled with a bounded number of descriptors, and nothing is moved, so that a full disk is no
// hindrance. OK when the name is absent. After an error a part may be gone.
absl::Status RemoveTree(int directory, absl::string_view name);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_REMOVE_TREE_H_
