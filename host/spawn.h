// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_SPAWN_H_
#define NODEVOL_HOST_SPAWN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nodevol::host {

// Where Run() puts its file in the program's descriptors, and how the program names it.
inline constexpr int kSpawnFileDescriptor = 3;
inline constexpr char kSpawnFilePath[] = "/proc/self/fd/3";

// Runs one external program to its end: no shell, an absolute path, arguments as given, an empty
// environment but PATH and LC_ALL, no descriptor but `file` (as kSpawnFileDescriptor, for reading
// and writing), its own process group, killed at the timeout.
//
// INTERNAL with the end of its output when it exits with another status than those in
// `ok_statuses`; FAILED_PRECONDITION when it is not installed; DEADLINE_EXCEEDED at the timeout.
absl::Status Run(const std::vector<std::string>& command, int file, absl::Duration timeout,
                 const std::vector<int>& ok_statuses = {0});

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_SPAWN_H_
