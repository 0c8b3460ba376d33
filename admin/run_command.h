// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_RUN_COMMAND_H_
#define NODEVOL_ADMIN_RUN_COMMAND_H_

#include <string>
#include <vector>

#include "admin/command.h"

namespace nodevol::admin {

// Runs the command that the words after the program's name name: "pool", "list", "-o", "json".
Exit RunCommand(const std::vector<std::string>& words, const Streams& streams);

// The same with the process's own words and streams; returns its exit code.
int RunCommand(int argc, char** argv);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_RUN_COMMAND_H_
