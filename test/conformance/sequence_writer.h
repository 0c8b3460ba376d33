// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_SEQUENCE_WRITER_H_
#define NODEVOL_TEST_CONFORMANCE_SEQUENCE_WRITER_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"

namespace nodevol::testing {

// A place of 4 KiB for a number: in a file, or in a device.
struct SequenceSlot {
  std::string path;
  off_t offset = 0;
};

// Writes 1, 2, 3, ... into its slots in turn, each durably before the next, so that at any moment
// the slots hold the last numbers and nothing else: a copy that was not made at one moment shows.
class SequenceWriter {
 public:
  // Files are made. Every slot has its number before this returns.
  static absl::StatusOr<std::unique_ptr<SequenceWriter>> Start(std::vector<SequenceSlot> slots);
  ~SequenceWriter();
  SequenceWriter(const SequenceWriter&) = delete;
  SequenceWriter& operator=(const SequenceWriter&) = delete;

  // The last number that is durable by now.
  [[nodiscard]] int64_t durable() const { return durable_; }
  // Waits until it is at least this.
  absl::Status Await(int64_t number) const;
  // Ends the writing, and tells what went wrong meanwhile.
  absl::Status Stop();

 private:
  explicit SequenceWriter(std::vector<UniqueFd> files, std::vector<SequenceSlot> slots)
      : files_(std::move(files)), slots_(std::move(slots)) {}
  absl::Status WriteNext();
  void Run();

  std::vector<UniqueFd> files_;
  std::vector<SequenceSlot> slots_;
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> durable_ = 0;
  absl::Status failure_;  // the thread's, until it is joined
  std::thread thread_;
};

// The last number in a copy of the slots. DATA_LOSS when they hold what they never held at one
// moment.
absl::StatusOr<int64_t> LastNumberIn(const std::vector<SequenceSlot>& slots);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_SEQUENCE_WRITER_H_
