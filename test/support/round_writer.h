// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_ROUND_WRITER_H_
#define NODEVOL_TEST_SUPPORT_ROUND_WRITER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"

namespace nodevol::testing {

// A thread that writes a number to the first file, makes it durable, then the same to the second,
// and so on, then the next number. In copies of one instant no file has a greater number than the
// one before it, and the last has the first's or one less.
class RoundWriter {
 public:
  // Open for writing; block devices too.
  explicit RoundWriter(std::vector<UniqueFd> files);
  ~RoundWriter();
  RoundWriter(const RoundWriter&) = delete;
  RoundWriter& operator=(const RoundWriter&) = delete;

  // The last number that is durable everywhere.
  [[nodiscard]] int64_t written() const { return written_; }
  // Waits until `more` further numbers are; DEADLINE_EXCEEDED when that does not come.
  [[nodiscard]] absl::Status Await(int64_t more) const;
  // Ends the writing, and tells what went wrong meanwhile.
  absl::Status Stop();

  // The number in a copy of a file.
  static absl::StatusOr<int64_t> NumberIn(const std::string& path);
  // For numbers of copies, in the order of the files.
  [[nodiscard]] static bool OfOneInstant(const std::vector<int64_t>& numbers);

 private:
  void Run();

  const std::vector<UniqueFd> files_;
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> written_ = 0;
  absl::Status failure_;  // the thread's, until it is joined
  std::thread thread_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_ROUND_WRITER_H_
