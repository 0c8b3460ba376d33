// SPDX-License-Identifier: Apache-2.0
#include "host/kernel.h"

#include <sys/utsname.h>

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace nodevol::host {

KernelVersion RunningKernel() {
  utsname name = {};
  if (::uname(&name) != 0) return {};
  KernelVersion version;
  version.release = name.release;
  const std::vector<absl::string_view> numbers =
      absl::StrSplit(version.release, absl::ByAnyChar(".-+"));
  if (numbers.size() < 2 || !absl::SimpleAtoi(numbers[0], &version.major) ||
      !absl::SimpleAtoi(numbers[1], &version.minor)) {
    return {.release = version.release};
  }
  return version;
}

}  // namespace nodevol::host
