// SPDX-License-Identifier: Apache-2.0
#include "bench/kinds.h"

#include "base/bytes.h"

namespace nodevol::bench {
namespace {

using host::FilesystemType;
using testing::Ground;
using testing::MountCapability;

constexpr int kPublished = 1000;
constexpr char kBlockFill[] = "raw block images of 1 MiB, sparse: the cheapest volumes there are";

Ground SmallBlock(FilesystemType filesystem) {
  return {"block", filesystem, {testing::BlockCapability(), {}}, kMiB};
}

}  // namespace

std::vector<PoolPlan> AllPlans() {
  Ground directory = testing::DirectoryOnBtrfs();
  directory.name = "directory on btrfs";
  const Ground small_directory = {"directory", FilesystemType::kBtrfs, directory.volume_class,
                                  kMiB};
  Ground ext4_on_xfs = testing::ImageOnXfs();
  ext4_on_xfs.name = "image with ext4 on XFS";
  const Ground xfs_on_xfs = {
      "image with XFS on XFS", FilesystemType::kXfs, {MountCapability("xfs"), {}}, 300 * kMiB};
  const Ground ext4_on_ext4 = {
      "image with ext4 on ext4", FilesystemType::kExt4, {MountCapability("ext4"), {}}, 32 * kMiB};
  return {{.name = "btrfs",
           .filesystem = FilesystemType::kBtrfs,
           .fill = small_directory,
           .fill_words = "directories of 1 MiB",
           .kinds = {directory},
           .published = kPublished},
          {.name = "xfs",
           .filesystem = FilesystemType::kXfs,
           .fill = SmallBlock(FilesystemType::kXfs),
           .fill_words = kBlockFill,
           .kinds = {ext4_on_xfs, xfs_on_xfs}},
          {.name = "ext4",
           .filesystem = FilesystemType::kExt4,
           .fill = SmallBlock(FilesystemType::kExt4),
           .fill_words = kBlockFill,
           .kinds = {ext4_on_ext4},
           .live_snapshots = false}};
}

}  // namespace nodevol::bench
