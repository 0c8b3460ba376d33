// SPDX-License-Identifier: Apache-2.0
#include "test/conformance/sequence_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/file.h"

namespace nodevol::testing {
namespace {

constexpr size_t kSlotBytes = 4096;

std::string Encode(int64_t number) {
  std::string text = absl::StrCat(number, ".");
  text.resize(kSlotBytes, '.');
  return text;
}

absl::StatusOr<int64_t> Decode(const SequenceSlot& slot) {
  ASSIGN_OR_RETURN(const UniqueFd file, host::OpenPath(slot.path, O_RDONLY));
  std::string text(kSlotBytes, '\0');
  if (::pread(file.get(), text.data(), text.size(), slot.offset) !=
      static_cast<ssize_t>(text.size())) {
    return absl::DataLossError(absl::StrCat(slot.path, " is short"));
  }
  int64_t number = 0;
  if (!absl::SimpleAtoi(text.substr(0, text.find('.')), &number) || text != Encode(number)) {
    return absl::DataLossError(absl::StrCat(slot.path, " at ", slot.offset, " has no number"));
  }
  return number;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SequenceWriter>> SequenceWriter::Start(
    std::vector<SequenceSlot> slots) {
  std::vector<UniqueFd> files;
  for (const SequenceSlot& slot : slots) {
    files.emplace_back(::open(slot.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!files.back().valid()) return ErrnoStatus(errno, absl::StrCat("open ", slot.path));
  }
  std::unique_ptr<SequenceWriter> writer(new SequenceWriter(std::move(files), std::move(slots)));
  for (size_t i = 0; i < writer->slots_.size(); ++i) RETURN_IF_ERROR(writer->WriteNext());
  writer->thread_ = std::thread([started = writer.get()] { started->Run(); });
  return writer;
}

SequenceWriter::~SequenceWriter() { Stop().IgnoreError(); }

absl::Status SequenceWriter::WriteNext() {
  const int64_t number = durable_ + 1;
  const size_t slot = static_cast<size_t>(number - 1) % slots_.size();
  const std::string text = Encode(number);
  if (::pwrite(files_[slot].get(), text.data(), text.size(), slots_[slot].offset) !=
      static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, absl::StrCat("write to ", slots_[slot].path));
  }
  RETURN_IF_ERROR(host::Sync(files_[slot].get()));
  durable_ = number;
  return absl::OkStatus();
}

void SequenceWriter::Run() {
  while (!stop_ && failure_.ok()) failure_ = WriteNext();
}

absl::Status SequenceWriter::Await(int64_t number) const {
  const absl::Duration deadline = MonotonicNow() + absl::Minutes(1);
  while (durable_ < number) {
    if (MonotonicNow() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("only ", durable(), " are durable"));
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::OkStatus();
}

absl::Status SequenceWriter::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return failure_;
}

absl::StatusOr<int64_t> LastNumberIn(const std::vector<SequenceSlot>& slots) {
  std::vector<int64_t> numbers;
  for (const SequenceSlot& slot : slots) {
    ASSIGN_OR_RETURN(const int64_t number, Decode(slot));
    numbers.push_back(number);
  }
  const int64_t last = *std::max_element(numbers.begin(), numbers.end());
  const auto count = static_cast<int64_t>(slots.size());
  for (int64_t slot = 0; slot < count; ++slot) {
    // The largest number up to the last whose turn this slot has.
    const int64_t expected = last - (last - 1 - slot) % count;
    if (numbers[static_cast<size_t>(slot)] != expected) {
      return absl::DataLossError(absl::StrCat("not of one moment: ", absl::StrJoin(numbers, " ")));
    }
  }
  return last;
}

}  // namespace nodevol::testing
