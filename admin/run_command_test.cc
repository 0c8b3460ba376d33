// SPDX-License-Identifier: Apache-2.0
#include "admin/run_command.h"

#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "generated_version.h"
#include "test/support/matchers.h"

namespace nodevol::admin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Result {
  Exit exit;
  std::string out;
  std::string err;
};

Result RunLine(const std::string& line, const std::string& input = "") {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  const Exit exit = RunCommand(words, {in, out, err});
  return {exit, out.str(), err.str()};
}

constexpr char kNobody[] = "unix:///tmp/nodevol-nobody/admin.sock";

constexpr const char* kCommands[] = {"doctor",        "pool list",   "pool init",
                                     "pool check",    "volume list", "volume show",
                                     "snapshot list", "undelete",    "orphans"};

TEST(HelpTest, ListsEveryCommand) {
  const Result help = RunLine("help");
  EXPECT_EQ(help.exit, Exit::kOk);
  for (const std::string command : kCommands) {
    EXPECT_THAT(help.out, HasSubstr("  nodevol " + command + "  "));
  }
  EXPECT_THAT(help.out, AllOf(HasSubstr("nodevol version"), HasSubstr("Exit codes: 0")));
  EXPECT_THAT(help.err, IsEmpty());
}

TEST(HelpTest, EveryCommandHasExamplesOfItself) {
  for (const std::string command : kCommands) {
    const Result help = RunLine(command + " --help");
    EXPECT_EQ(help.exit, Exit::kOk) << command;
    EXPECT_THAT(help.out, AllOf(StartsWith("nodevol " + command + " "), HasSubstr("Options:\n"),
                                HasSubstr("Examples:\n  "), HasSubstr("Exit codes: 0")));
    const std::string examples = help.out.substr(help.out.find("Examples:"));
    EXPECT_THAT(examples, HasSubstr("nodevol " + command)) << command;
    EXPECT_EQ(RunLine("help " + command).out, help.out);
    EXPECT_EQ(RunLine(command + " anything -h").out, help.out);
    for (const absl::string_view line : absl::StrSplit(help.out, '\n')) {
      EXPECT_LE(line.size(), 100U) << line;
    }
  }
}

TEST(HelpTest, GroupWithoutACommandShowsItsCommands) {
  const Result group = RunLine("pool");
  EXPECT_EQ(group.exit, Exit::kUsage);
  EXPECT_THAT(group.err, AllOf(HasSubstr("pool list"), HasSubstr("pool check")));
  EXPECT_THAT(group.err, ::testing::Not(HasSubstr("volume list")));
  EXPECT_EQ(RunLine("volume --help").exit, Exit::kOk);
  EXPECT_THAT(RunLine("volume --help").out, HasSubstr("volume show"));
}

TEST(VersionTest, IsThatOfTheDriver) {
  const Result version = RunLine("version");
  EXPECT_EQ(version.exit, Exit::kOk);
  EXPECT_EQ(version.out, std::string("nodevol ") + kVersion + "\n");
}

TEST(UsageTest, MistakesAreNamedWithWhereHelpIs) {
  const auto misused = [](const std::string& line, const std::string& what) {
    const Result result = RunLine(line);
    EXPECT_EQ(result.exit, Exit::kUsage) << line;
    EXPECT_THAT(result.out, IsEmpty()) << line;
    EXPECT_THAT(result.err, AllOf(StartsWith("nodevol: "), HasSubstr(what))) << line;
  };
  misused("volumes", "there is no command \"volumes\"; see nodevol help");
  misused("pool lst", "there is no command \"pool lst\"; see nodevol help");
  misused("volume list --al", "--al is no option of this command; see nodevol volume list --help");
  misused("volume show", "volume show needs ID|NAME; see nodevol volume show --help");
  misused("volume show a b", "\"b\" is one word too many");
  misused("pool list -o yaml", "-o yaml: there is no such output; use table, wide or json");
  misused("pool init ssd", "\"ssd\" is no absolute path; write one such as /mnt/ssd");
  misused("pool init /mnt/x --name Bad_Name", "--name: \"Bad_Name\" is no pool name");
  misused("pool list --admin-socket tcp://x", "must be unix:// and an absolute path");
  misused("pool list --timeout soon", "--timeout: \"soon\" is no span of time");
  misused("doctor --size 10GB", "--size: \"10GB\" is no size");
  misused("doctor --parameter backend", "\"backend\" must be KEY=VALUE");
  misused("doctor --block --fs-type xfs", "contradict each other");
  misused("orphans", "--handles, --snapshot-handles or both are needed");
  misused("orphans --handles - --snapshot-handles -", "only one of the two lists");
  misused("orphans --handles /no/such/file", "/no/such/file can't be opened");
}

TEST(UsageTest, ErrorsAreMadePrintable) {
  const Result result = RunLine("v\x1b[31m");
  EXPECT_THAT(result.err, HasSubstr("\"v\\u001b[31m\""));
}

TEST(UnreachableTest, SaysWhereAndWhatToDo) {
  for (const std::string line :
       {"doctor", "pool list", "pool check ssd", "volume list", "volume show a", "snapshot list",
        "undelete a", "orphans --no-volumes-expected --handles -"}) {
    const Result result = RunLine(line + " --admin-socket " + kNobody);
    EXPECT_EQ(result.exit, Exit::kUnreachable) << line;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, AllOf(HasSubstr("/tmp/nodevol-nobody/admin.sock"),
                                  HasSubstr("Is the driver running"), HasSubstr("--admin-socket"),
                                  HasSubstr("nodevol pool check PATH")));
  }
}

// Before anybody is asked: what would be deleted is decided by this list.
TEST(OrphanListTest, ListThatCanNotBeBelievedIsRefused) {
  const std::string command = std::string("orphans --handles - --admin-socket ") + kNobody;
  for (const std::string flags : {"", " --delete --yes"}) {
    const Result empty = RunLine(command + flags, "");
    EXPECT_EQ(empty.exit, Exit::kWrong);
    EXPECT_THAT(empty.err, HasSubstr("the list of handles is empty"));
    EXPECT_EQ(RunLine(command + flags, "another-driver\n").exit, Exit::kWrong);
  }
}

TEST(PoolFilesTest, MissingPathIsNotFound) {
  EXPECT_EQ(RunLine("pool check /no/such/pool").exit, Exit::kNotFound);
  EXPECT_THAT(RunLine("pool check /no/such/pool").err, HasSubstr("/no/such/pool"));
  EXPECT_EQ(RunLine("pool init /no/such/pool").exit, Exit::kNotFound);
  EXPECT_THAT(RunLine("pool init /no/such/pool").err, HasSubstr("is its disk mounted?"));
}

TEST(PoolFilesTest, WhatIsNoPoolIsSaidToBeNone) {
  const Result result = RunLine("pool check /proc");
  EXPECT_EQ(result.exit, Exit::kWrong);
  EXPECT_THAT(result.err, HasSubstr("is no pool"));
}

}  // namespace
}  // namespace nodevol::admin
