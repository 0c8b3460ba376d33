// SPDX-License-Identifier: Apache-2.0
#include "controller/name_index.h"

#include <algorithm>
#include <utility>

namespace nodevol::controller {

void NameIndex::Add(absl::string_view name_hash, absl::string_view pool_uuid) {
  absl::MutexLock lock(&mutex_);
  std::vector<Hint>& hints = hints_[name_hash];
  const auto known = std::find_if(hints.begin(), hints.end(), [pool_uuid](const Hint& hint) {
    return hint.pool_uuid == pool_uuid;
  });
  Hint& hint = known == hints.end() ? hints.emplace_back() : *known;
  hint.pool_uuid = std::string(pool_uuid);
  hint.told = ++told_;
}

std::vector<std::string> NameIndex::PoolsOf(absl::string_view name_hash,
                                            absl::FunctionRef<bool(const std::string&)> is_there) {
  std::vector<Hint> hints;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = hints_.find(name_hash);
    if (found != hints_.end()) hints = found->second;
  }
  std::vector<std::string> pools;
  for (const Hint& hint : hints) {
    if (is_there(hint.pool_uuid)) {
      pools.push_back(hint.pool_uuid);
    } else {
      Forget(name_hash, hint);
    }
  }
  return pools;
}

void NameIndex::Forget(absl::string_view name_hash, const Hint& hint) {
  absl::MutexLock lock(&mutex_);
  const auto found = hints_.find(name_hash);
  if (found == hints_.end()) return;
  std::erase_if(found->second, [&hint](const Hint& known) {
    return known.pool_uuid == hint.pool_uuid && known.told == hint.told;
  });
  if (found->second.empty()) hints_.erase(found);
}

void NameIndex::Sweep(absl::FunctionRef<bool(const std::string&, const std::string&)> is_there) {
  std::vector<std::pair<std::string, Hint>> all;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name_hash, hints] : hints_) {
      for (const Hint& hint : hints) all.emplace_back(name_hash, hint);
    }
  }
  for (const auto& [name_hash, hint] : all) {
    if (!is_there(name_hash, hint.pool_uuid)) Forget(name_hash, hint);
  }
}

size_t NameIndex::size() const {
  absl::MutexLock lock(&mutex_);
  return hints_.size();
}

}  // namespace nodevol::controller
