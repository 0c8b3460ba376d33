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

  void AddVolume(const std::string& id) { Add(&Made::volumes, {id, "", {}}); }
  void AddSnapshot(const std::string& id) { Add(&Made::snapshots, {id, "", {}}); }
  void AddGroup(const csi::v1::VolumeGroupSnapshot& group);
  void AddAttachment(const std::string& volume_id) { Add(&Made::attachments, {volume_id, "", {}}); }
  void AddStaging(const std::string& volume_id, const std::string& path) {
    Add(&Made::stagings, {volume_id, path, {}});
  }
  void AddTarget(const std::string& volume_id, const std::string& path) {
    Add(&Made::targets, {volume_id, path, {}});
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
  struct Made {
    std::vector<Trace> volumes;
    std::vector<Trace> snapshots;
    std::vector<Trace> groups;
    std::vector<Trace> attachments;
    std::vector<Trace> stagings;
    std::vector<Trace> targets;

    [[nodiscard]] size_t Count() const {
      return volumes.size() + snapshots.size() + groups.size() + attachments.size() +
             stagings.size() + targets.size();
    }
  };
  void Add(std::vector<Trace> Made::* list, Trace trace) {
    absl::MutexLock lock(&mutex_);
    (made_.*list).push_back(std::move(trace));
  }
  absl::Status Unpublish(const Trace& target);
  absl::Status Unstage(const Trace& staging);
  absl::Status Detach(const Trace& attachment);
  absl::Status DeleteGroup(const Trace& group);
  absl::Status DeleteSnapshot(const Trace& snapshot);
  absl::Status DeleteVolume(const Trace& volume);
  // Undoes each, the last first, and forgets those where that went well.
  void UndoEach(absl::Status (Traces::*undo)(const Trace&), std::vector<Trace>& traces,
                std::vector<std::string>& complaints);

  Driver& driver_;
  absl::Mutex mutex_;
  Made made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_TRACES_H_
