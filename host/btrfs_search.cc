// SPDX-License-Identifier: Apache-2.0
#include "host/btrfs_search.h"

#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "base/errno_status.h"

namespace nodevol::host {
namespace {

constexpr size_t kBufferBytes = size_t{64} * 1024;

// The key after `key`; false when there is none.
bool Advance(BtrfsKey& key) {
  if (key.offset < std::numeric_limits<uint64_t>::max()) {
    ++key.offset;
    return true;
  }
  key.offset = 0;
  if (key.type < std::numeric_limits<uint8_t>::max()) {
    ++key.type;
    return true;
  }
  key.type = 0;
  if (key.object < std::numeric_limits<uint64_t>::max()) {
    ++key.object;
    return true;
  }
  return false;
}

}  // namespace

absl::Status SearchTree(int fd, uint64_t tree, const BtrfsKey& first, const BtrfsKey& last,
                        absl::FunctionRef<bool(const BtrfsKey&, absl::string_view)> visit) {
  std::vector<uint64_t> storage((sizeof(btrfs_ioctl_search_args_v2) + kBufferBytes) /
                                sizeof(uint64_t));
  BtrfsKey from = first;
  while (true) {
    auto* args = reinterpret_cast<btrfs_ioctl_search_args_v2*>(storage.data());
    *args = {};
    args->buf_size = kBufferBytes;
    btrfs_ioctl_search_key& key = args->key;
    key.tree_id = tree;
    key.min_objectid = from.object;
    key.min_type = from.type;
    key.min_offset = from.offset;
    key.max_objectid = last.object;
    key.max_type = last.type;
    key.max_offset = last.offset;
    key.max_transid = std::numeric_limits<uint64_t>::max();
    key.nr_items = std::numeric_limits<uint32_t>::max();
    if (::ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, args) != 0) {
      return ErrnoStatus(errno, "search a btrfs tree");
    }
    if (key.nr_items == 0) return absl::OkStatus();
    const char* cursor = reinterpret_cast<const char*>(args->buf);
    for (uint32_t i = 0; i < key.nr_items; ++i) {
      btrfs_ioctl_search_header header = {};
      std::memcpy(&header, cursor, sizeof(header));
      cursor += sizeof(header);
      from = {header.objectid, header.type, header.offset};
      if (!visit(from, absl::string_view(cursor, header.len))) return absl::OkStatus();
      cursor += header.len;
    }
    if (!Advance(from)) return absl::OkStatus();
  }
}

}  // namespace nodevol::host
