// SPDX-License-Identifier: Apache-2.0
#include "storage/mount_flags.h"

#include <string>
#include <vector>

#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemOption;
using host::MountAttributes;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(MountFlagsTest, WithoutFlagsMountsAreNosuidAndNodev) {
  ASSERT_OK_AND_ASSIGN(const MountFlags flags, ParseMountFlags("ext4", {}));
  EXPECT_EQ(flags.attributes, MountAttributes());
  EXPECT_TRUE(flags.attributes.nosuid);
  EXPECT_TRUE(flags.attributes.nodev);
  EXPECT_THAT(flags.filesystem, IsEmpty());
}

TEST(MountFlagsTest, FlagsOfTheMountBecomeAttributes) {
  ASSERT_OK_AND_ASSIGN(const MountFlags flags, ParseMountFlags("", {"ro", "suid", "dev", "noexec",
                                                                    "nodiratime", "noatime"}));
  EXPECT_EQ(flags.attributes, (MountAttributes{.read_only = true,
                                               .nosuid = false,
                                               .nodev = false,
                                               .noexec = true,
                                               .nodiratime = true,
                                               .access_time = MountAttributes::AccessTime::kNone}));
  EXPECT_THAT(flags.filesystem, IsEmpty());
}

TEST(MountFlagsTest, LastOfContradictingFlagsHolds) {
  ASSERT_OK_AND_ASSIGN(const MountFlags flags,
                       ParseMountFlags("", {"suid", "nosuid", "noatime", "strictatime"}));
  EXPECT_TRUE(flags.attributes.nosuid);
  EXPECT_EQ(flags.attributes.access_time, MountAttributes::AccessTime::kStrict);
}

TEST(MountFlagsTest, LaterFlagTakesAnEarlierOneBack) {
  ASSERT_OK_AND_ASSIGN(const MountFlags flags, ParseMountFlags("", {"ro", "rw", "noexec", "exec",
                                                                    "nodiratime", "diratime"}));
  EXPECT_EQ(flags.attributes, MountAttributes());
}

TEST(MountFlagsTest, OptionsOfTheFilesystemKeepTheirValues) {
  ASSERT_OK_AND_ASSIGN(const MountFlags flags,
                       ParseMountFlags("ext4", {"discard", "commit=30", "errors=remount-ro"}));
  EXPECT_THAT(flags.filesystem,
              ElementsAre(FilesystemOption{"discard", ""}, FilesystemOption{"commit", "30"},
                          FilesystemOption{"errors", "remount-ro"}));
}

TEST(MountFlagsTest, FlagsJoinedByCommasAreTakenApart) {
  ASSERT_OK_AND_ASSIGN(const MountFlags flags,
                       ParseMountFlags("xfs", {"noatime,allocsize=64k", ""}));
  EXPECT_EQ(flags.attributes.access_time, MountAttributes::AccessTime::kNone);
  EXPECT_THAT(flags.filesystem, ElementsAre(FilesystemOption{"allocsize", "64k"}));
}

TEST(MountFlagsTest, OptionBelongsToItsFilesystem) {
  EXPECT_OK(ParseMountFlags("ext4", {"data=ordered"}));
  EXPECT_OK(ParseMountFlags(kAnyFilesystem, {"data=ordered", "allocsize=1m", "compress=zstd"}));
  for (const char* other : {"xfs", "btrfs", ""}) {
    EXPECT_THAT(ParseMountFlags(other, {"data=ordered"}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mount flag 1 of 1")))
        << other;
  }
}

TEST(MountFlagsTest, DirectoryHasNoFilesystemToGiveOptionsTo) {
  EXPECT_THAT(ParseMountFlags("", {"noatime", "discard"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("mount flag 2 of 2"), HasSubstr("directory volumes"))));
}

TEST(MountFlagsTest, WhatWouldCrossTheVolumesBorderIsRefusedByPosition) {
  for (const char* type : {"ext4", "xfs", "btrfs", kAnyFilesystem}) {
    for (const std::string flag : {"errors=panic",
                                   "errors=continue",
                                   "journal_dev=0x801",
                                   "journal_path=/dev/sda",
                                   "logdev=/dev/sda",
                                   "rtdev=/dev/sda",
                                   "device=/dev/sda",
                                   "subvol=/",
                                   "subvolid=5",
                                   "nobarrier",
                                   "norecovery",
                                   "data=writeback",
                                   "noload",
                                   "degraded",
                                   "rescue=all",
                                   "usrquota",
                                   "prjquota",
                                   "bind",
                                   "rbind",
                                   "remount",
                                   "move",
                                   "loop",
                                   "loop=/dev/loop0",
                                   "offset=4096",
                                   "_netdev",
                                   "x-systemd.automount",
                                   "uid=0",
                                   "context=foo",
                                   "Ro",
                                   "ro=1",
                                   "suid=1",
                                   "=",
                                   "=x",
                                   "commit",
                                   "commit=",
                                   "commit=-1",
                                   "commit=1e9",
                                   "commit=9999999999",
                                   "commit=5 ",
                                   "discard=1",
                                   "compress",
                                   "compress=",
                                   "compress=zstd:15",
                                   "allocsize",
                                   "allocsize=k",
                                   "allocsize=64kk",
                                   "sync\n",
                                   " sync"}) {
      EXPECT_THAT(ParseMountFlags(type, {"noatime", flag}),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mount flag 2 of 2")))
          << type << " " << flag;
    }
  }
}

TEST(MountFlagsTest, RefusalListsWhatIsAllowedAndNeverTheFlag) {
  const auto message_for = [](absl::string_view fs_type) {
    return std::string(ParseMountFlags(fs_type, {"noatime", "canary=4711"}).status().message());
  };
  for (const char* type : {"ext4", "xfs", "btrfs", "", kAnyFilesystem}) {
    EXPECT_THAT(message_for(type),
                AllOf(Not(HasSubstr("canary")), Not(HasSubstr("4711")), HasSubstr("noatime, ")));
    EXPECT_LT(message_for(type).size(), 1024U) << "a longer one would be cut";
  }
  EXPECT_THAT(message_for("ext4"), AllOf(HasSubstr("data=ordered|journal"),
                                         HasSubstr("commit=NUMBER"), Not(HasSubstr("allocsize"))));
  EXPECT_THAT(message_for("xfs"), AllOf(HasSubstr("allocsize=SIZE"), Not(HasSubstr("commit"))));
  EXPECT_THAT(message_for(""), Not(HasSubstr("discard")));
}

TEST(MountFlagsTest, HostileFlagCanNotHideBehindAGoodOne) {
  EXPECT_THAT(ParseMountFlags("ext4", {"commit=5,errors=panic"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mount flag 2 of 2")));
  EXPECT_THAT(ParseMountFlags("ext4", {std::string("sync\0errors=panic", 17)}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace nodevol::storage
