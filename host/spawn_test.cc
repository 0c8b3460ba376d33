// SPDX-License-Identifier: Apache-2.0
#include "host/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

#include "host/file.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr absl::Duration kTimeout = absl::Minutes(1);

class SpawnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(directory_, OpenPath(NewDirectory(), O_RDONLY | O_DIRECTORY));
    ASSERT_OK_AND_ASSIGN(file_, OpenBeneath(directory_.get(), "file", O_RDWR | O_CREAT, 0600));
  }

  [[nodiscard]] absl::Status Shell(const std::string& script, absl::Duration timeout = kTimeout,
                                   const std::vector<int>& ok_statuses = {0}) const {
    return host::Run({"/bin/sh", "-c", script}, file_.get(), timeout, ok_statuses);
  }

  // What a program that ends well prints: only an error would show it.
  [[nodiscard]] std::string OutputOf(const std::vector<std::string>& command) const {
    const absl::Status status = host::Run(command, file_.get(), kTimeout, /*ok_statuses=*/{});
    absl::string_view output = status.message();
    const size_t end = output.find(" exited with status 0: ");
    if (end == absl::string_view::npos) return std::string(output);
    output.remove_prefix(end + absl::string_view(" exited with status 0: ").size());
    return std::string(output);
  }

  [[nodiscard]] std::string FileContent() const {
    return ReadFile(directory_.get(), "file", 4096).value();
  }

  UniqueFd directory_;
  UniqueFd file_;
};

TEST_F(SpawnTest, SuccessIsOk) { EXPECT_OK(Shell("exit 0")); }

TEST_F(SpawnTest, FailureTellsStatusAndOutput) {
  EXPECT_THAT(Shell("echo to-stdout; echo to-stderr >&2; exit 3"),
              StatusIs(absl::StatusCode::kInternal,
                       EndsWith("exited with status 3: to-stdout\nto-stderr")));
}

TEST_F(SpawnTest, FailureTellsTheEndOfALongOutput) {
  const absl::Status status = Shell("seq 100000; echo the-end; exit 1");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, EndsWith("100000\nthe-end")));
  EXPECT_LT(status.message().size(), 2300U);
}

TEST_F(SpawnTest, OnlyTheNamedStatusesAreOk) {
  EXPECT_OK(Shell("exit 1", kTimeout, {0, 1}));
  EXPECT_THAT(Shell("exit 2", kTimeout, {0, 1}), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(Shell("exit 0", kTimeout, {1}), StatusIs(absl::StatusCode::kInternal));
}

TEST_F(SpawnTest, SignalIsAFailureWhateverIsAccepted) {
  EXPECT_THAT(Shell("kill -9 $$", kTimeout, {0, 9, 137}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("ended by signal 9")));
}

TEST_F(SpawnTest, WhatIsNotInstalledIsAPrecondition) {
  EXPECT_THAT(host::Run({"/usr/sbin/mkfs.nonsense"}, file_.get(), kTimeout),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("mkfs.nonsense")));
  EXPECT_THAT(host::Run({"/etc/passwd"}, file_.get(), kTimeout), nodevol::testing::ErrnoIs(EACCES));
}

// These would take minutes, not fail, if nothing were killed: the test program's own time limit is
// for that.
TEST_F(SpawnTest, TimeoutKillsTheWholeProcessGroup) {
  EXPECT_THAT(Shell("sleep 1000 & echo $! >&3; wait", absl::Milliseconds(500)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("500ms")));
  int child = 0;
  ASSERT_TRUE(absl::SimpleAtoi(FileContent(), &child));
  // Gone, or about to go: never asleep any more.
  const auto proc = OpenPath("/proc/" + std::to_string(child), O_RDONLY | O_DIRECTORY);
  if (!proc.ok()) return;
  const auto stat = ReadFile(proc->get(), "stat", 4096);
  EXPECT_THAT(stat.value_or(""), Not(HasSubstr(") S ")));
}

TEST_F(SpawnTest, TimeoutAlsoEndsWhatHasClosedItsOutput) {
  EXPECT_THAT(Shell("exec >&- 2>&-; exec sleep 1000", absl::Milliseconds(500)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(SpawnTest, ExitAfterClosingTheOutputIsSeen) {
  EXPECT_OK(Shell("exec >&- 2>&-; sleep 0.1; exit 5", kTimeout, {5}));
}

TEST_F(SpawnTest, EnvironmentIsPathAndLocaleOnly) {
  ASSERT_EQ(::setenv("NODEVOL_SECRET", "x", 1), 0);
  EXPECT_EQ(OutputOf({"/usr/bin/env"}), "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C");
  ASSERT_EQ(::unsetenv("NODEVOL_SECRET"), 0);
}

TEST_F(SpawnTest, ArgumentsArriveAsGiven) {
  EXPECT_EQ(OutputOf({"/usr/bin/printf", "<%s>", "a b", "$HOME", "", "*", "'\"\\"}),
            "<a b><$HOME><><*><'\"\\>");
}

TEST_F(SpawnTest, FileIsReachableAtItsPath) {
  ASSERT_EQ(::pwrite(file_.get(), "content", 7, 0), 7);
  EXPECT_EQ(OutputOf({"/bin/cat", kSpawnFilePath}), "content");
  EXPECT_OK(host::Run({"/bin/cp", "/etc/hostname", kSpawnFilePath}, file_.get(), kTimeout));
  ASSERT_OK_AND_ASSIGN(const UniqueFd etc, OpenPath("/etc", O_RDONLY | O_DIRECTORY));
  EXPECT_THAT(ReadFile(etc.get(), "hostname", 4096), IsOkAndHolds(FileContent()));
}

TEST_F(SpawnTest, NoOtherDescriptorLeaks) {
  // Without close-on-exec, as a careless library opens them.
  const UniqueFd careless(::open("/dev/null", O_RDONLY));
  const UniqueFd high(::fcntl(careless.get(), F_DUPFD, 500));
  ASSERT_TRUE(high.valid());
  // 4 is the directory that ls itself has open.
  EXPECT_EQ(OutputOf({"/bin/ls", "/proc/self/fd"}), "0\n1\n2\n3\n4");
}

TEST_F(SpawnTest, InputIsEmpty) { EXPECT_EQ(OutputOf({"/bin/cat"}), ""); }

TEST_F(SpawnTest, SignalsAreNeitherBlockedNorIgnored) {
  // root_main.cc ignores SIGIO; a worker thread may block anything.
  sigset_t blocked;
  sigset_t saved;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, &saved), 0);
  const std::string output = OutputOf({"/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"});
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &saved, nullptr), 0);
  // 32 and 33 are the C library's own.
  EXPECT_THAT(output, MatchesRegex("SigBlk:\t0{16}\nSigIgn:\t0{7}[01][08]0{7}"));
}

TEST_F(SpawnTest, ProgramLeadsItsOwnProcessGroup) {
  EXPECT_OK(
      Shell("read -r pid comm state parent group rest < /proc/self/stat; "
            "test $pid = $$ && test $group = $$ && test $group != $(ps -o pgid= $PPID)"));
}

}  // namespace
}  // namespace nodevol::host
