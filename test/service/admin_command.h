// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_ADMIN_COMMAND_H_
#define NODEVOL_TEST_SERVICE_ADMIN_COMMAND_H_

#include <sys/types.h>

#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"

#include "test/service/service_node.h"

namespace nodevol::testing {

// What a command of the administrator ended with.
struct CommandResult {
  int exit = -1;
  std::string out;
  std::string err;

  friend void PrintTo(const CommandResult& result, std::ostream* stream) {
    *stream << "exit " << result.exit << "\n" << result.out << result.err;
  }
};

struct CommandOptions {
  std::string input = {};
  uid_t user = 0;
};

// Runs the driver's binary with these words, in a process of its own, to its end.
CommandResult RunCommand(const std::vector<std::string>& words, const CommandOptions& options = {});

// The same, on the driver of the node: "pool list -o json".
CommandResult RunOn(const ServiceNode& node, const std::string& line,
                    const CommandOptions& options = {});

// Runs of spaces in each line as one: columns are as wide as their content, which varies.
std::string Squeezed(const std::string& text);

// EXPECT_THAT(result, EndedWith(1, HasSubstr("text on either stream")))
MATCHER_P2(EndedWith, exit, says, "") {
  return arg.exit == exit &&
         ::testing::ExplainMatchResult(says, arg.out + arg.err, result_listener);
}

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_ADMIN_COMMAND_H_
