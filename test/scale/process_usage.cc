// SPDX-License-Identifier: Apache-2.0
#include "test/scale/process_usage.h"

#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "base/bytes.h"
#include "base/status_macros.h"

namespace nodevol::testing {
namespace {

absl::Status IsSilent(const std::string& path, absl::string_view what) {
  return absl::InternalError(absl::StrCat(path, " does not say ", what));
}

// The value of a line such as "VmRSS:    1234 kB".
absl::StatusOr<int64_t> BytesIn(const std::string& path, absl::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    absl::string_view rest = line;
    int64_t kibibytes = 0;
    if (absl::ConsumePrefix(&rest, name) && absl::ConsumePrefix(&rest, ":") &&
        absl::ConsumeSuffix(&rest, " kB") && absl::SimpleAtoi(rest, &kibibytes)) {
      return kibibytes * kKiB;
    }
  }
  return IsSilent(path, name);
}

// The 14th and 15th field, in ticks. The second is a name in brackets, which may contain anything.
absl::StatusOr<absl::Duration> ProcessorTime(const std::string& path) {
  constexpr size_t kUser = 11;  // of those after the name
  constexpr size_t kSystem = 12;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return IsSilent(path, "anything");
  const std::vector<std::string> fields =
      absl::StrSplit(absl::StripAsciiWhitespace(absl::string_view(line).substr(name_end + 1)), ' ');
  int64_t user = 0;
  int64_t system = 0;
  if (fields.size() <= kSystem || !absl::SimpleAtoi(fields[kUser], &user) ||
      !absl::SimpleAtoi(fields[kSystem], &system)) {
    return IsSilent(path, "utime and stime");
  }
  return absl::Seconds(static_cast<double>(user + system) /
                       static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

}  // namespace

absl::StatusOr<ProcessUsage> UsageOf(pid_t pid) {
  const std::string status = absl::StrCat("/proc/", pid, "/status");
  ProcessUsage usage;
  ASSIGN_OR_RETURN(usage.resident_bytes, BytesIn(status, "VmRSS"));
  ASSIGN_OR_RETURN(usage.peak_resident_bytes, BytesIn(status, "VmHWM"));
  ASSIGN_OR_RETURN(usage.processor, ProcessorTime(absl::StrCat("/proc/", pid, "/stat")));
  return usage;
}

}  // namespace nodevol::testing
