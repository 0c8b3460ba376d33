// SPDX-License-Identifier: Apache-2.0
#include "test/support/held_call.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "base/status_macros.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

// The first line of it that begins with the prefix, without that.
std::string LineAfter(const std::filesystem::path& file, const std::string& prefix) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (absl::StartsWith(line, prefix)) return line.substr(prefix.size());
  }
  return "";
}

}  // namespace

absl::StatusOr<HeldCall> HeldCall::Begin(pid_t pid, const Options& options) {
  // Longer than any test; its end is when strace detaches.
  std::string inject = options.name + ":delay_enter=3600s";
  if (options.when > 0) absl::StrAppend(&inject, ":when=", options.when);
  ASSIGN_OR_RETURN(Strace strace, Strace::Attach(pid, {.trace = options.name,
                                                       .inject = inject,
                                                       .output = options.trace,
                                                       .threads = options.threads}));
  return HeldCall(pid, options, std::move(strace));
}

absl::Status HeldCall::AwaitHeld() const {
  return Eventually([this]() -> absl::Status {
    if (IsHeld()) return absl::OkStatus();
    return absl::DeadlineExceededError("no thread entered the call");
  });
}

bool HeldCall::IsHeld() const {
  std::error_code error;
  const std::filesystem::directory_iterator threads(absl::StrCat("/proc/", pid_, "/task"), error);
  const std::string entered = absl::StrCat(number_, " ");
  for (const std::filesystem::directory_entry& thread : threads) {
    // "t (tracing stop)", at the entry of the call.
    if (!absl::StrContains(LineAfter(thread.path() / "status", "State:"), "t (")) continue;
    const std::vector<std::string> arguments =
        absl::StrSplit(LineAfter(thread.path() / "syscall", entered), ' ');
    if (arguments.size() < 2) continue;
    // Each call that is traced stops for a moment.
    if (second_argument_ == 0 || arguments[1] == absl::StrCat("0x", absl::Hex(second_argument_))) {
      return true;
    }
  }
  return false;
}

}  // namespace nodevol::testing
