// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_ILL_VOLUMES_H_
#define NODEVOL_STORAGE_ILL_VOLUMES_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "storage/health.h"

namespace nodevol::storage {

// The volumes of one pool with which something was found to be wrong, by id. Thread-safe.
class IllVolumes {
 public:
  using Findings = std::map<std::string, std::vector<HealthCondition>>;

  // Replaces all findings. Returns the ids of those volumes for which they are others now.
  std::vector<std::string> Replace(Findings findings) {
    std::vector<std::string> changed;
    absl::MutexLock lock(&mutex_);
    for (const auto& [id, conditions] : findings) {
      const auto before = findings_.find(id);
      if (before == findings_.end() || before->second != conditions) changed.push_back(id);
    }
    for (const auto& [id, conditions] : findings_) {
      if (!findings.contains(id)) changed.push_back(id);
    }
    findings_ = std::move(findings);
    return changed;
  }

  // Replaces those for one volume.
  void Set(const std::string& id, std::vector<HealthCondition> conditions) {
    absl::MutexLock lock(&mutex_);
    if (conditions.empty()) {
      findings_.erase(id);
    } else {
      findings_[id] = std::move(conditions);
    }
  }

  [[nodiscard]] std::vector<HealthCondition> Of(const std::string& id) const {
    absl::ReaderMutexLock lock(&mutex_);
    const auto found = findings_.find(id);
    return found == findings_.end() ? std::vector<HealthCondition>() : found->second;
  }

  // In order.
  [[nodiscard]] std::vector<std::string> Ids() const {
    std::vector<std::string> ids;
    absl::ReaderMutexLock lock(&mutex_);
    for (const auto& [id, conditions] : findings_) ids.push_back(id);
    return ids;
  }

 private:
  mutable absl::Mutex mutex_;
  Findings findings_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_ILL_VOLUMES_H_
