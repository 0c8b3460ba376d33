// SPDX-License-Identifier: Apache-2.0
//
// The helper: a thread for each filesystem, which thaws that one, so that none waits for another's
// disk. Once something is frozen they make system calls only: they allocate nothing, take no lock
// and read no file, so that nothing can keep them from thawing.
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <vector>

#include "host/freeze_guard.h"
#include "host/freeze_guard_protocol.h"

namespace nodevol::host {
namespace {

constexpr int64_t kNanosecondsPerMillisecond = 1'000'000;
// What is still being frozen can't be thawed yet.
constexpr int64_t kRepeatMilliseconds = 20;
constexpr size_t kStackBytes = size_t{256} * 1024;

int64_t limit_milliseconds = 0;  // set before the first thread

int64_t NowMilliseconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / kNanosecondsPerMillisecond;
}

bool ParseNumber(const char* text, int64_t most, int64_t& number) {
  number = 0;
  for (; *text >= '0' && *text <= '9' && number <= most; ++text) {
    number = number * 10 + (*text - '0');
  }
  return *text == '\0' && number <= most;
}

// Returns false when the driver has closed its end, by its own end too, before it said anything.
bool AwaitGo() {
  char said = 0;
  ssize_t got = 0;
  do {
    got = ::read(freeze_guard::kControl, &said, 1);
  } while (got < 0 && errno == EINTR);
  return got == 1 && said == freeze_guard::kGo;
}

// Each thread says, and hears, one byte.
void Guard(int filesystem) {
  if (::write(freeze_guard::kControl, &freeze_guard::kReady, 1) != 1 || !AwaitGo()) return;
  const int64_t deadline = NowMilliseconds() + limit_milliseconds;
  while (true) {
    int64_t wait = deadline - NowMilliseconds();
    if (wait <= 0) {
      (void)::ioctl(filesystem, FITHAW, 0);
      wait = kRepeatMilliseconds;
    }
    // What the other threads have still to hear is none of its business: only the end is.
    pollfd poll_fd = {freeze_guard::kControl, POLLRDHUP, 0};
    if (::poll(&poll_fd, 1, static_cast<int>(wait)) > 0) break;
  }
  (void)::ioctl(filesystem, FITHAW, 0);
}

void* GuardThread(void* filesystem) {
  Guard(static_cast<int>(reinterpret_cast<intptr_t>(filesystem)));
  return nullptr;
}

}  // namespace

bool IsFreezeGuard(int argc, char** argv) {
  return argc >= 2 && std::strcmp(argv[1], freeze_guard::kCommand) == 0;
}

int RunFreezeGuard(int argc, char** argv) {
  constexpr int64_t kMaxFilesystems = 1 << 12;
  constexpr int64_t kMaxMilliseconds = 3'600'000;
  int64_t count = 0;
  if (argc != 4 || !ParseNumber(argv[2], kMaxFilesystems, count) || count == 0 ||
      !ParseNumber(argv[3], kMaxMilliseconds, limit_milliseconds)) {
    return 2;
  }
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  std::vector<pthread_t> threads(static_cast<size_t>(count - 1));
  for (size_t i = 0; i < threads.size(); ++i) {
    const intptr_t filesystem = freeze_guard::kFirstFilesystem + 1 + static_cast<intptr_t>(i);
    // The driver waits for all of them, in vain then, and freezes nothing.
    if (::pthread_create(&threads[i], &attributes, GuardThread,
                         // A number that goes through a pointer and back.
                         reinterpret_cast<void*>(  // NOLINT(performance-no-int-to-ptr)
                             filesystem)) != 0) {
      ::_exit(1);
    }
  }
  Guard(freeze_guard::kFirstFilesystem);
  for (const pthread_t thread : threads) ::pthread_join(thread, nullptr);
  ::_exit(0);
}

}  // namespace nodevol::host
