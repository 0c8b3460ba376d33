// SPDX-License-Identifier: Apache-2.0
//
// Publishing, undoing and measuring start no program: that is what makes them cheap, and possible
// on a node that is out of processes.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <iostream>
#include <string>

#include "host/spawn.h"
#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

// From now on this thread and those that it starts can't start a program.
bool ForbidExec() {
  constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
  std::array<sock_filter, 5> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_execve, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_execveat, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kRefuse),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter = {program.size(), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

class NoExecTest : public NodeFixture {
 protected:
  // What the child does; the message of the first step that failed, "" when all went well.
  std::string UseTheVolumeWithoutExec() {
    if (!ForbidExec()) return "no seccomp";
    if (host::Run({"/bin/true"}, -1, absl::Minutes(1)).ok()) return "a program could be started";
    for (const absl::Status& step : {world_->Start(), Stage(), Publish(Target()),
                                     Stats(Target()).status(), Unpublish(Target()), Unstage()}) {
      if (!step.ok()) return step.ToString();
    }
    world_->Stop();
    return "";
  }
};
INSTANTIATE_FOR_KINDS(NoExecTest, AllKinds());

TEST_P(NoExecTest, StagingPublishingMeasuringAndUndoingStartNoProgram) {
  world_->Stop();  // a child has only the thread that forked it
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string failure = UseTheVolumeWithoutExec();
    if (!failure.empty()) std::cerr << failure << "\n";
    ::_exit(failure.empty() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  ASSERT_OK(world_->Start());
}

}  // namespace
}  // namespace nodevol::node
