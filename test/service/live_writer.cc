// SPDX-License-Identifier: Apache-2.0
#include "test/service/live_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/file.h"

namespace nodevol::testing {
namespace {

constexpr size_t kEntryBytes = 4096;
// A circle of entries would need no bound, but would be no journal.
constexpr int kMaxEntries = 50'000;

std::string EntryOf(int number) {
  std::string entry = absl::StrFormat("entry %08d ", number);
  entry.resize(kEntryBytes, static_cast<char>('a' + number % 26));
  return entry;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LiveWriter>> LiveWriter::Start(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  return std::unique_ptr<LiveWriter>(new LiveWriter(std::move(file)));
}

LiveWriter::LiveWriter(UniqueFd file) : file_(std::move(file)), thread_([this] { Run(); }) {}

LiveWriter::~LiveWriter() { Stop().IgnoreError(); }

void LiveWriter::Run() {
  for (int number = 0; number < kMaxEntries && !stop_; ++number) {
    const std::string entry = EntryOf(number);
    if (::write(file_.get(), entry.data(), entry.size()) != static_cast<ssize_t>(entry.size())) {
      failure_ = ErrnoStatus(errno, "write an entry");
      return;
    }
    if (absl::Status synced = host::Sync(file_.get()); !synced.ok()) {
      failure_ = std::move(synced);
      return;
    }
    durable_ = number + 1;
  }
}

absl::Status LiveWriter::Await(int entries) const {
  const absl::Duration deadline = MonotonicNow() + absl::Minutes(1);
  while (durable_ < entries) {
    if (MonotonicNow() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("only ", durable(), " entries"));
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::OkStatus();
}

absl::Status LiveWriter::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return failure_;
}

absl::StatusOr<int> CountEntries(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd file, host::OpenPath(path, O_RDONLY));
  int whole = 0;
  for (int number = 0;; ++number) {
    std::string entry(kEntryBytes, '\0');
    const ssize_t got = ::read(file.get(), entry.data(), entry.size());
    if (got < 0) return ErrnoStatus(errno, "read an entry");
    if (got == 0) return whole;
    if (entry != EntryOf(number)) continue;
    if (whole != number) {
      return absl::DataLossError(
          absl::StrCat("entry ", number, " is there, entry ", whole, " is not"));
    }
    ++whole;
  }
}

}  // namespace nodevol::testing
