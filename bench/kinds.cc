// SPDX-License-Identifier: Apache-2.0
#include "bench/kinds.h"

#include "base/bytes.h"

namespace nodevol::bench {
namespace {

using host::FilesystemType;
using testing::Ground;
using testing::MountCapability;

constexpr int kPublished = 1000;
constexpr int kFew = 300;
constexpr char kDirectoryFill[] = "directories of 1 MiB";
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
  Ground on_rotating = directory;
  on_rotating.name = "directory on btrfs, rotating disk";
  Ground on_used = directory;
  on_used.name = "directory on btrfs, not empty";
  return {
      {.name = "btrfs",
       .filesystem = FilesystemType::kBtrfs,
       .mount_option = "ssd",
       .mount_words = "Mounted with `-o ssd`, as the kernel does of itself where the disk says "
                      "that it does not rotate.",
       .fill = small_directory,
       .fill_words = kDirectoryFill,
       .kinds = {directory},
       .bare_subvolumes = true,
       .blocks = true,
       .published = kPublished},
      {.name = "btrfs-used",
       .filesystem = FilesystemType::kBtrfs,
       .mount_option = "ssd",
       .mount_words =
           "The same next to some volumes instead of none: of an empty btrfs each tree is "
           "one block, and a commit writes less than it ever will again.",
       .few = kFew,
       .fill = small_directory,
       .fill_words = kDirectoryFill,
       .kinds = {on_used},
       .bare_subvolumes = true},
      {.name = "btrfs-nossd",
       .filesystem = FilesystemType::kBtrfs,
       .mount_option = "nossd",
       .mount_words = "Mounted with `-o nossd`, as the kernel does of itself where the disk says "
                      "that it rotates, which virtual disks often do: btrfs then sleeps before "
                      "each fsync that others are waiting for too, to write them together.",
       .fill = small_directory,
       .fill_words = kDirectoryFill,
       .kinds = {on_rotating},
       .bare_subvolumes = true},
      {.name = "xfs",
       .filesystem = FilesystemType::kXfs,
       .fill = SmallBlock(FilesystemType::kXfs),
       .fill_words = kBlockFill,
       .kinds = {ext4_on_xfs, xfs_on_xfs},
       .blocks = true},
      {.name = "ext4",
       .filesystem = FilesystemType::kExt4,
       .fill = SmallBlock(FilesystemType::kExt4),
       .fill_words = kBlockFill,
       .kinds = {ext4_on_ext4},
       .live_snapshots = false}};
}

}  // namespace nodevol::bench
