// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_OBSERVATIONS_H_
#define NODEVOL_TEST_SERVICE_OBSERVATIONS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace nodevol::testing {

// What many clients saw: how often each code, and what they should not have seen. Thread-safe.
class Observations {
 public:
  void Count(absl::StatusCode code) {
    absl::MutexLock lock(&mutex_);
    ++counts_[code];
  }
  void Complain(std::string complaint) {
    absl::MutexLock lock(&mutex_);
    complaints_.push_back(std::move(complaint));
  }

  [[nodiscard]] std::vector<std::string> Complaints() const {
    absl::MutexLock lock(&mutex_);
    return complaints_;
  }
  // "OK 800, ABORTED 12"
  [[nodiscard]] std::string Summary() const {
    absl::MutexLock lock(&mutex_);
    std::string text;
    for (const auto& [code, count] : counts_) {
      absl::StrAppend(&text, text.empty() ? "" : ", ", absl::StatusCodeToString(code), " ", count);
    }
    return text;
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<absl::StatusCode, int> counts_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> complaints_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_OBSERVATIONS_H_
