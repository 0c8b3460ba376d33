// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_STAGED_OBJECT_H_
#define NODEVOL_STORAGE_STAGED_OBJECT_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "base/unique_fd.h"
#include "storage/pool.h"

namespace nodevol::storage {

// A volume or snapshot while it is built, in a directory of its own beneath staging/. Commit is one
// rename; what is not committed is removed, by the destructor or, after a crash, at start.
class StagedObject {
 public:
  static absl::StatusOr<StagedObject> Create(Pool& pool);
  StagedObject(StagedObject&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        name_(std::move(other.name_)),
        directory_(std::move(other.directory_)) {}
  StagedObject& operator=(StagedObject&&) = delete;
  ~StagedObject();

  [[nodiscard]] int directory() const { return directory_.get(); }

  // Makes the object durable and visible as `name` in `parent` (volumes or snapshots). The caller
  // has synced the files in it. Errors before the rename leave nothing; an error after it faults
  // the pool, since then nobody knows which of the two holds after a power cut.
  absl::Status Commit(int parent, absl::string_view name);

 private:
  StagedObject(Pool* pool, std::string name) : pool_(pool), name_(std::move(name)) {}

  Pool* pool_;  // null once committed or moved from
  std::string name_;
  UniqueFd directory_;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_STAGED_OBJECT_H_
