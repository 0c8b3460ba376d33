// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_OBJECT_CHECK_H_
#define NODEVOL_STORAGE_OBJECT_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "storage/directory_limit.h"
#include "storage/pool_check.h"

// The part of CheckPool that looks at one volume, snapshot or group.
namespace nodevol::storage {

// An object's directory, and what must be in it.
struct ObjectPlace {
  int parent = -1;
  std::string name;  // in the parent
  std::string path;  // beneath the pool
  std::string id;    // what its record must say
};

struct ObjectCheck {
  int64_t promised_bytes = 0;
  int64_t written_bytes = 0;
  std::vector<PoolFinding> findings;
};

// `limit` is what limits directories in the pool.
ObjectCheck CheckVolume(const ObjectPlace& place, const DirectoryLimit& limit);
// A deleted volume: what limited it may be gone.
ObjectCheck CheckDeletedVolume(const ObjectPlace& place);
ObjectCheck CheckSnapshot(const ObjectPlace& place);
// A group snapshot, whose members in this pool are looked for in `snapshots`.
ObjectCheck CheckGroup(const ObjectPlace& place, int snapshots);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_OBJECT_CHECK_H_
