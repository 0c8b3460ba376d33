// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_TRACES_H_
#define NODEVOL_TEST_CONFORMANCE_TRACES_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "test/conformance/driver.h"

namespace nodevol::testing {

// What a test has made at the driver, in the order in which it was made, so that it can be undone
// however the test went. Thread-safe.
class Traces {
 public:
  explicit Traces(Driver& driver) : driver_(driver) {}

  void AddVolume(const std::string& id) { Add(volumes_, {id, "", {}}); }
  void AddSnapshot(const std::string& id) { Add(snapshots_, {id, "", {}}); }
  void AddGroup(const csi::v1::VolumeGroupSnapshot& group);
  void AddAttachment(const std::string& volume_id) { Add(attachments_, {volume_id, "", {}}); }
  void AddStaging(const std::string& volume_id, const std::string& path) {
    Add(stagings_, {volume_id, path, {}});
  }
  void AddTarget(const std::string& volume_id, const std::string& path) {
    Add(targets_, {volume_id, path, {}});
  }

  // Unpublishes, unstages, detaches and deletes all, in as many turns as there is something that
  // others depend on. Returns what the driver refused to the end; what does not exist any more is
  // no complaint.
  std::vector<std::string> Undo();

 private:
  struct Trace {
    std::string id;
    std::string path;
    std::vector<std::string> members;
  };
  void Add(std::vector<Trace>& traces, Trace trace) {
    absl::MutexLock lock(&mutex_);
    traces.push_back(std::move(trace));
  }
  absl::Status Unpublish(const Trace& target);
  absl::Status Unstage(const Trace& staging);
  absl::Status Detach(const Trace& attachment);
  absl::Status DeleteGroup(const Trace& group);
  absl::Status DeleteSnapshot(const Trace& snapshot);
  absl::Status DeleteVolume(const Trace& volume);
  // Undoes each, the last first, and forgets those where that went well.
  void UndoEach(absl::Status (Traces::*undo)(const Trace&), std::vector<Trace>& traces,
                std::vector<std::string>& complaints) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  [[nodiscard]] size_t Count() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return targets_.size() + stagings_.size() + attachments_.size() + groups_.size() +
           snapshots_.size() + volumes_.size();
  }

  Driver& driver_;
  absl::Mutex mutex_;
  std::vector<Trace> volumes_ ABSL_GUARDED_BY(mutex_);
  std::vector<Trace> snapshots_ ABSL_GUARDED_BY(mutex_);
  std::vector<Trace> groups_ ABSL_GUARDED_BY(mutex_);
  std::vector<Trace> attachments_ ABSL_GUARDED_BY(mutex_);
  std::vector<Trace> stagings_ ABSL_GUARDED_BY(mutex_);
  std::vector<Trace> targets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_TRACES_H_
