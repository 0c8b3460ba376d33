// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_BTRFS_SEARCH_H_
#define NODEVOL_HOST_BTRFS_SEARCH_H_

#include <linux/btrfs.h>

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nodevol::host {

// A key of a btrfs tree; ordered by its three numbers.
struct BtrfsKey {
  uint64_t object = 0;
  uint32_t type = 0;
  uint64_t offset = 0;
};

// Calls `visit` with each item of tree `tree` whose key is in [first, last], in order, until it
// returns false (BTRFS_IOC_TREE_SEARCH_V2). errno ENOENT when there is no such tree.
absl::Status SearchTree(int fd, uint64_t tree, const BtrfsKey& first, const BtrfsKey& last,
                        absl::FunctionRef<bool(const BtrfsKey&, absl::string_view)> visit);

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_BTRFS_SEARCH_H_
