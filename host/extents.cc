// SPDX-License-Identifier: Apache-2.0
#include "host/extents.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::host {
namespace {

// With these alone an extent's address says where its bytes are.
constexpr uint32_t kPlainFlags =
    FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_SHARED | FIEMAP_EXTENT_UNWRITTEN;

Extent::Kind KindOf(const fiemap_extent& raw) {
  if ((raw.fe_flags & ~kPlainFlags) != 0) return Extent::Kind::kOther;
  if ((raw.fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0) return Extent::Kind::kUnwritten;
  return Extent::Kind::kData;
}

// How an extent is told of depends on who else has its blocks at the moment: pieces that continue
// each other are one, so that equal maps look equal.
void Append(const Extent& extent, std::vector<Extent>& extents) {
  if (!extents.empty()) {
    Extent& last = extents.back();
    if (last.kind == extent.kind && last.end() == extent.offset &&
        (extent.kind != Extent::Kind::kData || last.address + last.length == extent.address)) {
      last.length += extent.length;
      return;
    }
  }
  extents.push_back(extent);
}

// Adds what of an extent lies in the map's part: filesystems also tell what of it is before the
// place that was asked for, or behind.
absl::Status Add(const fiemap_extent& raw, ExtentMap& map) {
  constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();
  const int64_t known_to = map.extents.empty() ? map.begin : map.extents.back().end();
  const bool sound = raw.fe_length > 0 && raw.fe_length <= kLargest &&
                     raw.fe_logical <= kLargest - raw.fe_length &&
                     raw.fe_physical <= kLargest - raw.fe_length;
  const auto offset = static_cast<int64_t>(raw.fe_logical);
  const auto length = static_cast<int64_t>(raw.fe_length);
  if (!sound || offset + length <= known_to || (!map.extents.empty() && offset < known_to)) {
    return absl::InternalError(absl::StrCat("the extent map makes no sense: ", raw.fe_length,
                                            " bytes at ", raw.fe_logical, " after ", known_to));
  }
  const int64_t begin = std::max(offset, map.begin);
  const int64_t end = std::min(offset + length, map.end);
  if (begin >= end) return absl::OkStatus();
  Extent extent = {.offset = begin, .length = end - begin, .address = 0, .kind = KindOf(raw)};
  if (extent.kind == Extent::Kind::kData) {
    extent.address = static_cast<int64_t>(raw.fe_physical) + (begin - offset);
  }
  Append(extent, map.extents);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ExtentMap> ReadExtentMap(int fd, int64_t begin, int64_t end, size_t max_extents) {
  std::vector<uint64_t> storage((sizeof(fiemap) + max_extents * sizeof(fiemap_extent)) /
                                sizeof(uint64_t));
  auto* request = reinterpret_cast<fiemap*>(storage.data());
  request->fm_start = static_cast<uint64_t>(begin);
  request->fm_length = static_cast<uint64_t>(end - begin);
  request->fm_flags = FIEMAP_FLAG_SYNC;
  request->fm_extent_count = static_cast<uint32_t>(max_extents);
  if (::ioctl(fd, FS_IOC_FIEMAP, request) != 0) return ErrnoStatus(errno, "read the extent map");
  const uint32_t told = request->fm_mapped_extents;
  if (told > max_extents) return absl::InternalError("the extent map is longer than asked for");
  ExtentMap map = {.begin = begin, .end = end, .extents = {}};
  for (uint32_t i = 0; i < told; ++i) RETURN_IF_ERROR(Add(request->fm_extents[i], map));
  if (told == 0) return map;
  const fiemap_extent& last = request->fm_extents[told - 1];
  // Only this flag says that there is no more; some filesystems tell less than they could at once.
  if ((last.fe_flags & FIEMAP_EXTENT_LAST) == 0) {
    map.end = std::min(end, static_cast<int64_t>(last.fe_logical + last.fe_length));
  }
  return map;
}

}  // namespace nodevol::host
