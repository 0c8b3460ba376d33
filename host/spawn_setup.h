// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_SPAWN_SETUP_H_
#define NODEVOL_HOST_SPAWN_SETUP_H_

#include <signal.h>
#include <spawn.h>

// RAII around what posix_spawn(3) takes; for this folder only.
namespace nodevol::host {

class SpawnFileActions {
 public:
  SpawnFileActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnFileActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnFileActions(const SpawnFileActions&) = delete;
  SpawnFileActions& operator=(const SpawnFileActions&) = delete;

  // Duplicating to the same number would keep close-on-exec: sources must be above the targets.
  void Duplicate(int from, int to) { posix_spawn_file_actions_adddup2(&actions_, from, to); }
  void CloseFrom(int first) { posix_spawn_file_actions_addclosefrom_np(&actions_, first); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_ = {};
};

// All signals have their default action.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigdefault(&attributes_, &all);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  // A process group of its own, and every signal reaches it.
  void OwnGroup() {
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setpgroup(&attributes_, 0);
    SetFlags(POSIX_SPAWN_SETPGROUP);
  }
  // A session of its own, and no signal reaches it but those that nobody can keep off.
  void OwnSessionWithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &all);
    SetFlags(POSIX_SPAWN_SETSID);
  }
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  void SetFlags(int more) {
    posix_spawnattr_setflags(
        &attributes_, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | more));
  }

  posix_spawnattr_t attributes_ = {};
};

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_SPAWN_SETUP_H_
