// SPDX-License-Identifier: Apache-2.0
#include "bench/stand.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "base/monotonic.h"
#include "base/status_macros.h"
#include "bench/interruption.h"
#include "host/file.h"

namespace nodevol::bench {
namespace {

constexpr absl::Duration kStartTimeout = absl::Minutes(5);
constexpr absl::Duration kSettleTimeout = absl::Minutes(2);

absl::StatusOr<size_t> EntriesOf(const std::string& directory) {
  ASSIGN_OR_RETURN(const UniqueFd fd, host::OpenPath(directory, O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(fd.get()));
  return names.size();
}

}  // namespace

absl::StatusOr<Stand> Stand::Start(testing::TestFilesystem::Options filesystem) {
  ASSIGN_OR_RETURN(testing::TestFilesystem disk,
                   testing::TestFilesystem::Create(std::move(filesystem)));
  const std::string run = testing::NewDirectory();
  testing::DriverProcess::Options options = {.pools = {absl::StrCat("bench=", disk.path())},
                                             .socket_path = run + "/csi.sock",
                                             .log_path = run + "/log",
                                             .more_flags = {"--create-pools", "--log-level=warn"}};
  Stand stand(std::move(disk), std::move(options));
  RETURN_IF_ERROR(stand.StartDriver().status());
  return stand;
}

Stand::~Stand() {
  driver_.reset();
  ::unlink(options_.log_path.c_str());
}

absl::StatusOr<absl::Duration> Stand::StartDriver() {
  const absl::Duration begun = MonotonicNow();
  ASSIGN_OR_RETURN(testing::DriverProcess driver, testing::DriverProcess::Spawn(options_));
  RETURN_IF_ERROR(driver.AwaitServing(kStartTimeout));
  driver_.emplace(std::move(driver));
  return MonotonicNow() - begun;
}

absl::StatusOr<Footprint> Stand::MeasureFootprint() const {
  Footprint footprint;
  footprint.resident_bytes = driver_->ResidentBytes();
  ASSIGN_OR_RETURN(const size_t descriptors,
                   EntriesOf(absl::StrCat("/proc/", driver_->pid(), "/fd")));
  footprint.descriptors = static_cast<int>(descriptors);
  return footprint;
}

absl::Status Stand::Settle() {
  const absl::Duration deadline = MonotonicNow() + kSettleTimeout;
  while (true) {
    RETURN_IF_ERROR(CheckNotInterrupted());
    ASSIGN_OR_RETURN(const size_t entries, EntriesOf(filesystem() + "/.nodevol/trash"));
    if (entries == 0) break;
    if (MonotonicNow() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("the driver leaves ", entries, " deleted objects in its trash"));
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenPath(filesystem(), O_RDONLY | O_DIRECTORY));
  return host::SyncFilesystem(root.get());
}

absl::StatusOr<absl::Duration> Stand::Restart() {
  RETURN_IF_ERROR(Stop());
  return StartDriver();
}

absl::StatusOr<absl::Duration> Stand::RestartCold() {
  RETURN_IF_ERROR(Stop());
  RETURN_IF_ERROR(filesystem_.Remount());
  return StartDriver();
}

absl::Status Stand::Stop() {
  const int exit_code = driver_->Terminate();
  driver_.reset();
  if (exit_code == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the driver ended with status ", exit_code));
}

}  // namespace nodevol::bench
