// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_NAME_INDEX_H_
#define NODEVOL_CONTROLLER_NAME_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nodevol::controller {

// In which pools a name may be, so that thousands need not be asked. It is told of what appears and
// not of what goes: who looks a name up sees whether it is there. Thread-safe.
class NameIndex {
 public:
  // The UUID of a pool in which something with the hash of a name appeared.
  void Add(absl::string_view name_hash, absl::string_view pool_uuid);
  // Those for which `is_there` is true; the others are forgotten. It is called without locks.
  std::vector<std::string> PoolsOf(absl::string_view name_hash,
                                   absl::FunctionRef<bool(const std::string& pool_uuid)> is_there);
  // Forgets what is not there any more, of all names; for when there are many more than things.
  void Sweep(
      absl::FunctionRef<bool(const std::string& name_hash, const std::string& pool_uuid)> is_there);
  [[nodiscard]] size_t size() const;

 private:
  struct Hint {
    std::string pool_uuid;
    uint64_t told = 0;  // grows each time that it is told
  };
  // Unless it has been told again: then it is there after all.
  void Forget(absl::string_view name_hash, const Hint& hint);

  mutable absl::Mutex mutex_;
  uint64_t told_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, std::vector<Hint>> hints_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_NAME_INDEX_H_
