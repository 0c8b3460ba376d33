// SPDX-License-Identifier: Apache-2.0
#include "test/support/round_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

constexpr size_t kBlock = 4096;

absl::Status Write(int fd, int64_t number) {
  std::string block(kBlock, '\0');
  std::memcpy(block.data(), &number, sizeof(number));
  if (::pwrite(fd, block.data(), block.size(), 0) != static_cast<ssize_t>(kBlock)) {
    return ErrnoStatus(errno, "write a number");
  }
  return host::Sync(fd);
}

}  // namespace

RoundWriter::RoundWriter(std::vector<UniqueFd> files)
    : files_(std::move(files)), thread_([this] { Run(); }) {}

RoundWriter::~RoundWriter() { Stop().IgnoreError(); }

void RoundWriter::Run() {
  for (int64_t number = 1; !stop_ && failure_.ok(); ++number) {
    for (const UniqueFd& file : files_) failure_.Update(Write(file.get(), number));
    written_ = number;
  }
}

absl::Status RoundWriter::Await(int64_t more) const {
  const int64_t until = written() + more;
  return Eventually([&] {
    return written() >= until ? absl::OkStatus()
                              : absl::DeadlineExceededError("nothing more is written");
  });
}

absl::Status RoundWriter::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return failure_;
}

absl::StatusOr<int64_t> RoundWriter::NumberIn(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd file, host::OpenPath(path, O_RDONLY));
  int64_t number = 0;
  if (::pread(file.get(), &number, sizeof(number), 0) != sizeof(number)) {
    return ErrnoStatus(errno, "read a number");
  }
  return number;
}

bool RoundWriter::OfOneInstant(const std::vector<int64_t>& numbers) {
  return std::is_sorted(numbers.rbegin(), numbers.rend()) && numbers.front() <= numbers.back() + 1;
}

}  // namespace nodevol::testing
