// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_POOL_CHECK_H_
#define NODEVOL_STORAGE_POOL_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

// A look at the files of a pool, from outside: whether a driver runs on it does not matter, nothing
// is opened for writing, and no image is opened at all, since an image that somebody has open is
// one that can't be attached.
namespace nodevol::storage {

// Something that is not as docs/on-disk-format.md says.
struct PoolFinding {
  enum class Severity {
    kNote,     // nothing to do
    kWarning,  // to be looked at; no volume is worse off
    kDamage,   // a volume, a snapshot or the pool can't be used, or is not what was promised
  };
  Severity severity = Severity::kNote;
  std::string path;  // beneath the pool; "" for the pool itself
  std::string what;  // and what to do about it
};

struct PoolCheck {
  std::string path;
  std::string uuid;  // "" when the marker can't be read
  std::string filesystem;
  std::string directory_limit;  // NameOf()
  std::string owner;            // "pid 17" while a process owns the pool, else ""

  // How many were looked at.
  int64_t volumes = 0;
  int64_t snapshots = 0;
  int64_t deleted_volumes = 0;  // in the trash, can be had back
  int64_t trash_entries = 0;    // in the trash, wait for their removal
  int64_t staging_entries = 0;

  // Sums over those whose record can be read.
  int64_t volume_bytes = 0;    // promised to volumes
  int64_t snapshot_bytes = 0;  // pinned by snapshots
  int64_t deleted_bytes = 0;   // held by deleted volumes
  int64_t written_bytes = 0;   // blocks of all contents; shared ones count more than once
  int64_t filesystem_bytes = 0;
  int64_t available_bytes = 0;
  int64_t reserve_bytes = 0;

  std::vector<PoolFinding> findings;

  [[nodiscard]] bool Damaged() const;
};

// Looks at the pool in the directory. FAILED_PRECONDITION when it is none, or is on a filesystem
// that no pool can be on; errors of the directory itself carry their errno.
absl::StatusOr<PoolCheck> CheckPool(const std::string& path);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_POOL_CHECK_H_
