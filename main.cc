// SPDX-License-Identifier: Apache-2.0
//
// nodevol: flags, then the parts of the role, then the socket; and back in the other order.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "grpc/support/log.h"

#include "admin/run_command.h"
#include "app.h"
#include "base/log.h"
#include "base/tsan_suppressions.h"
#include "generated_version.h"
#include "host/freeze_guard.h"
#include "host/privilege.h"
#include "link/key_pair.h"
#include "link/openssl.h"
#include "options.h"

namespace nodevol {
namespace {

// gRPC's own lines go where ours go.
void LogFromGrpc(gpr_log_func_args* line) {
  const log::Level level =
      line->severity == GPR_LOG_SEVERITY_ERROR ? log::Level::kWarn : log::Level::kDebug;
  const log::Field fields[] = {{"source", "grpc"}};
  log::Write(level, line->message, fields, fields + 1);
}

sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  // Sent to the holder of a lease that somebody breaks (host::IsSoleOpener).
  ::signal(SIGIO, SIG_IGN);
  return signals;
}

int Wait(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

// A second signal ends the process at once.
void ExitOnNextSignal(const sigset_t& signals) {
  std::thread([signals] {
    Wait(signals);
    ::_exit(1);
  }).detach();
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "%s\n", std::string(options.status().message()).c_str());
    return 2;
  }
  // Files that pods are to use are made with the modes that are said; the driver's own are 0600.
  ::umask(0022);
  link::AllowTls13Only();
  link::openssl::GiveUpIdleBuffers();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Debian's Abseil looks for cycles of locks at every lock, all threads under one. Tests look too,
  // and so does the driver where it is built for them.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  log::Init(options->log_level, options->log_format);
  gpr_set_log_function(LogFromGrpc);
  // Before the first thread: signal masks and capabilities are each thread's own, and inherited.
  const sigset_t signals = BlockEndSignals();
  if (const absl::Status lowered = host::LowerSysResource(); !lowered.ok()) {
    log::Warn("CAP_SYS_RESOURCE stays effective", {{"error", lowered}});
  }
  log::Info("starting",
            {{"version", kVersion}, {"driver", options->driver_name}, {"node", options->node_id}});
  absl::StatusOr<std::unique_ptr<App>> app =
      options->role == Role::kController ? StartController(*options) : StartNode(*options);
  if (!app.ok()) {
    log::Error("can't start", {{"error", app.status().message()}});
    return 1;
  }
  log::Info("serving", {{"endpoint", options->socket_path}});
  log::Info("stopping", {{"signal", Wait(signals)}});
  ExitOnNextSignal(signals);
  (*app)->Stop();
  app->reset();
  log::Info("stopped");
  return 0;
}

}  // namespace
}  // namespace nodevol

// The driver, or with a word before all flags a command of the administrator.
int main(int argc, char** argv) {
  if (nodevol::host::IsFreezeGuard(argc, argv)) return nodevol::host::RunFreezeGuard(argc, argv);
  if (argc > 1 && argv[1][0] != '-' && argv[1][0] != '\0') {
    return nodevol::admin::RunCommand(argc, argv);
  }
  return nodevol::Main(argc, argv);
}
