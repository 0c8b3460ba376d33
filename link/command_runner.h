// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_COMMAND_RUNNER_H_
#define NODEVOL_LINK_COMMAND_RUNNER_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "base/monotonic.h"
#include "proto/link.pb.h"
#include "storage/inventory.h"
#include "storage/node_storage.h"

namespace nodevol::link {

// An operation that runs on a node for a controller.
class Operation {
 public:
  explicit Operation(const v1::Command& command);

  void Cancel() { cancelled_ = true; }
  [[nodiscard]] bool Abandoned() const { return cancelled_ || MonotonicNow() >= deadline_; }

 private:
  const absl::Duration deadline_;  // on the monotonic clock
  std::atomic<bool> cancelled_ = false;
};

// What a node does at a controller's command.
class CommandRunner {
 public:
  using Done = absl::AnyInvocable<void(v1::Result) &&>;

  // Both must outlive this.
  CommandRunner(storage::NodeStorage& storage, const storage::Inventory& inventory)
      : storage_(storage), inventory_(inventory) {}

  // Runs the command as NodeStorage says; `done` is called once, on any thread. ABORTED when the
  // pool of what it names was opened anew since the command was decided; INVALID_ARGUMENT for an id
  // that is none; UNIMPLEMENTED for a command that this version does not know.
  void Run(const v1::Command& command, const std::shared_ptr<Operation>& operation, Done done);

  // The hash of the name that the command makes something of; "" when it makes nothing.
  static std::string ClaimedName(const v1::Command& command);

 private:
  template <typename T>
  Callback<T> Answer(Done done);
  static StatusCallback AnswerStatus(Done done);
  // The id of what the command names; null where it names no one object.
  static const std::string* ObjectOf(const v1::Command& command);
  [[nodiscard]] absl::Status CheckEpoch(const v1::Command& command) const;
  void RunOnVolume(const v1::Command& command, const storage::OperationContext& context, Done done);
  void RunOnSnapshots(const v1::Command& command, const storage::OperationContext& context,
                      Done done);
  void ListBlocks(const v1::ListBlocks& request, const storage::OperationContext& context,
                  Done done);

  storage::NodeStorage& storage_;
  const storage::Inventory& inventory_;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_COMMAND_RUNNER_H_
