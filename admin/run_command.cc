// SPDX-License-Identifier: Apache-2.0
#include "admin/run_command.h"

#include <algorithm>
#include <iostream>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "grpc/support/log.h"

#include "admin/text.h"
#include "base/log.h"
#include "generated_version.h"

namespace nodevol::admin {
namespace {

constexpr char kExitCodes[] =
    "Exit codes: 0 well; 1 something is wrong, or was refused; 2 the command line is wrong;\n"
    "3 the driver can't be reached; 4 not found.\n";

std::vector<Command> AllCommands() {
  std::vector<Command> commands;
  AddDoctorCommand(commands);
  AddPoolCommands(commands);
  AddPoolInitCommand(commands);
  AddPoolCheckCommand(commands);
  AddVolumeCommands(commands);
  AddSnapshotCommands(commands);
  AddOrphanCommands(commands);
  AddPkiCommands(commands);
  return commands;
}

std::vector<std::string> NameOf(const Command& command) {
  return absl::StrSplit(command.name, ' ');
}

bool BeginsWith(const std::vector<std::string>& words, const std::vector<std::string>& start) {
  return words.size() >= start.size() && std::equal(start.begin(), start.end(), words.begin());
}

// All commands, or those whose name begins with this word.
std::string Overview(const std::vector<Command>& commands, absl::string_view group) {
  std::string text = group.empty()
                         ? "nodevol: the administrator's commands. Without a command it is the "
                           "driver: nodevol --help.\n\n"
                         : "";
  size_t width = 0;
  for (const Command& command : commands) width = std::max(width, command.name.size());
  const auto add = [&](absl::string_view name, absl::string_view summary) {
    absl::StrAppend(&text, "  nodevol ", name, std::string(width - name.size() + 2, ' '), summary,
                    "\n");
  };
  for (const Command& command : commands) {
    if (group.empty() || NameOf(command).front() == group) add(command.name, command.summary);
  }
  if (group.empty()) {
    add("version", "the version of this program");
    add("help", "this text");
  }
  absl::StrAppend(&text, "\nEach has --help, with examples.\n", kExitCodes);
  return text;
}

std::string HelpOf(const Command& command) {
  std::vector<Option> options = command.options;
  options.push_back({.name = "help", .value = "", .help = "this text"});
  return absl::StrCat("nodevol ", command.name, command.words.empty() ? "" : " ", command.words,
                      " [options]\n\n", command.text, "\n\nOptions:\n", DescribeOptions(options),
                      "\nExamples:\n", command.examples, "\n", kExitCodes);
}

bool AsksForHelp(const std::vector<std::string>& words) {
  return absl::c_any_of(words,
                        [](const std::string& word) { return word == "--help" || word == "-h"; });
}

Exit Misused(const Streams& streams, const std::string& what, const std::string& help) {
  streams.err << "nodevol: " << Printable(what) << "; see " << help << "\n";
  return Exit::kUsage;
}

Exit Run(const Command& command, const std::vector<std::string>& words, const Streams& streams) {
  if (AsksForHelp(words)) {
    streams.out << HelpOf(command);
    return Exit::kOk;
  }
  const std::string help = absl::StrCat("nodevol ", command.name, " --help");
  const absl::StatusOr<Arguments> arguments = ParseArguments(command.options, words);
  if (!arguments.ok()) {
    return Misused(streams, std::string(arguments.status().message()), help);
  }
  const std::vector<std::string>& given = arguments->words();
  if (given.size() < command.least_words) {
    return Misused(streams, absl::StrCat(command.name, " needs ", command.words), help);
  }
  if (given.size() > command.most_words) {
    return Misused(streams,
                   absl::StrCat("\"", given[command.most_words], "\" is one word too many"), help);
  }
  return command.run(*arguments, streams);
}

}  // namespace

Exit RunCommand(const std::vector<std::string>& words, const Streams& streams) {
  const std::vector<Command> commands = AllCommands();
  for (const Command& command : commands) {
    const std::vector<std::string> name = NameOf(command);
    if (!BeginsWith(words, name)) continue;
    return Run(command, {words.begin() + static_cast<std::ptrdiff_t>(name.size()), words.end()},
               streams);
  }
  if (words.front() == "version") {
    streams.out << "nodevol " << kVersion << "\n";
    return Exit::kOk;
  }
  if (words.front() == "help") {
    const std::vector<std::string> topic(words.begin() + 1, words.end());
    for (const Command& command : commands) {
      if (topic.empty() || topic != NameOf(command)) continue;
      streams.out << HelpOf(command);
      return Exit::kOk;
    }
    streams.out << Overview(commands, "");
    return Exit::kOk;
  }
  const bool is_group = absl::c_any_of(
      commands, [&](const Command& command) { return NameOf(command).front() == words.front(); });
  if (is_group && (words.size() == 1 || AsksForHelp(words))) {
    (words.size() == 1 ? streams.err : streams.out) << Overview(commands, words.front());
    return words.size() == 1 ? Exit::kUsage : Exit::kOk;
  }
  const std::vector<std::string> shown(words.begin(), words.begin() + (is_group ? 2 : 1));
  return Misused(streams, absl::StrCat("there is no command \"", absl::StrJoin(shown, " "), "\""),
                 "nodevol help");
}

int RunCommand(int argc, char** argv) {
  // What a command has to say it says itself.
  log::Init(log::Level::kError, log::Format::kText);
  gpr_set_log_function([](gpr_log_func_args*) {});
  const Exit exit =
      RunCommand({argv + 1, argv + argc}, {.in = std::cin, .out = std::cout, .err = std::cerr});
  std::cout.flush();
  // A full disk or a closed pipe: what was said did not arrive.
  if (!std::cout && exit == Exit::kOk) return static_cast<int>(Exit::kWrong);
  return static_cast<int>(exit);
}

}  // namespace nodevol::admin
