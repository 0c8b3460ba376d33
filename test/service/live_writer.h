// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_LIVE_WRITER_H_
#define NODEVOL_TEST_SERVICE_LIVE_WRITER_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"

namespace nodevol::testing {

// A pod's database: a thread that writes one numbered entry of a journal after the other, each
// durable before the next begins.
class LiveWriter {
 public:
  static absl::StatusOr<std::unique_ptr<LiveWriter>> Start(const std::string& path);
  ~LiveWriter();
  LiveWriter(const LiveWriter&) = delete;
  LiveWriter& operator=(const LiveWriter&) = delete;

  // How many entries are durable by now.
  [[nodiscard]] int durable() const { return durable_; }
  // Waits until so many are.
  absl::Status Await(int entries) const;
  // Ends the writing, and tells what went wrong meanwhile.
  absl::Status Stop();

 private:
  explicit LiveWriter(UniqueFd file);
  void Run();

  const UniqueFd file_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> durable_ = 0;
  absl::Status failure_;  // the thread's, until it is joined
  std::thread thread_;
};

// How many whole entries a journal has. DATA_LOSS when something follows what is not whole: such a
// journal is no point in time.
absl::StatusOr<int> CountEntries(const std::string& path);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_LIVE_WRITER_H_
