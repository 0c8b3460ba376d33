// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_KINDS_H_
#define NODEVOL_BENCH_KINDS_H_

#include <string>
#include <vector>

#include "host/filesystem.h"
#include "test/client/ground.h"

namespace nodevol::bench {

// What is measured on one pool.
struct PoolPlan {
  std::string name;  // as --pools knows it
  host::FilesystemType filesystem;
  // What it is mounted with, and why, in words; "" for the filesystem's own choice.
  std::string mount_option = {};
  std::string mount_words = {};
  // How many volumes there are in the state that is compared with.
  int few = 0;
  // The volumes that only exist, and what they are in words.
  testing::Ground fill;
  std::string fill_words;
  // The volumes whose life is measured beside them.
  std::vector<testing::Ground> kinds;
  // Whether a volume that is published can have a snapshot (the pool's files can share blocks).
  bool live_snapshots = true;
  // Whether the kernel's part of a create is measured too: the kinds are directories on btrfs.
  bool bare_subvolumes = false;
  // Whether the blocks of snapshots are measured on such a pool too.
  bool blocks = false;
  // How many of the fill are published for the last measurement; 0 leaves it out.
  int published = 0;
};

std::vector<PoolPlan> AllPlans();

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_KINDS_H_
