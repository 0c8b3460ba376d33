// SPDX-License-Identifier: Apache-2.0
#include "storage/capability.h"

#include <string>

#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

v1::VolumeCapability Mount(const std::string& fs_type = "", const std::string& flag = "") {
  v1::VolumeCapability capability;
  capability.mutable_mount()->set_fs_type(fs_type);
  if (!flag.empty()) capability.mutable_mount()->add_mount_flags(flag);
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  return capability;
}

v1::VolumeCapability Block() {
  v1::VolumeCapability capability;
  capability.mutable_block();
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  return capability;
}

v1::VolumeRecord ImageWith(const std::string& fs_type) {
  v1::VolumeRecord record;
  record.mutable_image()->set_fs_type(fs_type);
  return record;
}

v1::VolumeRecord Directory() {
  v1::VolumeRecord record;
  record.mutable_directory();
  return record;
}

TEST(CapabilityTest, SingleNodeModesArePossible) {
  for (const v1::AccessMode mode : {v1::SINGLE_NODE_WRITER, v1::SINGLE_NODE_READER_ONLY,
                                    v1::SINGLE_NODE_SINGLE_WRITER, v1::SINGLE_NODE_MULTI_WRITER}) {
    v1::VolumeCapability capability = Mount();
    capability.set_access_mode(mode);
    EXPECT_OK(CheckCapability(capability)) << v1::AccessMode_Name(mode);
    capability.mutable_block();
    EXPECT_OK(CheckCapability(capability)) << v1::AccessMode_Name(mode);
  }
}

TEST(CapabilityTest, MultiNodeModesAreRefusedByName) {
  for (const v1::AccessMode mode :
       {v1::MULTI_NODE_READER_ONLY, v1::MULTI_NODE_SINGLE_WRITER, v1::MULTI_NODE_MULTI_WRITER}) {
    v1::VolumeCapability capability = Mount();
    capability.set_access_mode(mode);
    EXPECT_THAT(CheckCapability(capability), StatusIs(absl::StatusCode::kInvalidArgument,
                                                      AllOf(HasSubstr(v1::AccessMode_Name(mode)),
                                                            HasSubstr("one node's disk"))));
  }
}

TEST(CapabilityTest, UnknownModesAreRefusedByNumber) {
  v1::VolumeCapability capability = Mount();
  capability.set_access_mode(v1::ACCESS_MODE_UNKNOWN);
  EXPECT_THAT(CheckCapability(capability),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown access mode 0")));
  capability.set_access_mode(static_cast<v1::AccessMode>(99));
  EXPECT_THAT(CheckCapability(capability),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown access mode 99")));
}

TEST(CapabilityTest, AccessTypeIsRequired) {
  v1::VolumeCapability capability;
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  EXPECT_THAT(CheckCapability(capability),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("access type")));
}

TEST(CapabilityTest, FilesystemTypeMustBeKnown) {
  for (const char* good : {"", "ext4", "xfs", "btrfs"}) EXPECT_OK(CheckCapability(Mount(good)));
  for (const char* bad : {"ext3", "EXT4", "ntfs", "other", "ext4 ", "../xfs"}) {
    EXPECT_THAT(CheckCapability(Mount(bad)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(bad)));
  }
}

TEST(CapabilityTest, MountFlagsAreCheckedAsFarAsTheTypeIsKnown) {
  EXPECT_OK(CheckCapability(Mount("", "data=ordered")));
  EXPECT_OK(CheckCapability(Mount("ext4", "data=ordered")));
  EXPECT_THAT(CheckCapability(Mount("xfs", "data=ordered")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mount flag")));
  EXPECT_THAT(CheckCapability(Mount("", "errors=panic")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mount flag")));
}

TEST(CapabilityTest, BlockAndFilesystemVolumesAreNotEachOther) {
  EXPECT_OK(CheckVolumeHas(ImageWith(""), Block()));
  EXPECT_OK(CheckVolumeHas(ImageWith("ext4"), Mount()));
  EXPECT_OK(CheckVolumeHas(Directory(), Mount()));
  EXPECT_THAT(CheckVolumeHas(ImageWith(""), Mount()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("raw block")));
  EXPECT_THAT(CheckVolumeHas(ImageWith("ext4"), Block()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CheckVolumeHas(Directory(), Block()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(CapabilityTest, FilesystemOfAnImageIsWhatItIs) {
  EXPECT_OK(CheckVolumeHas(ImageWith("xfs"), Mount("xfs")));
  EXPECT_THAT(CheckVolumeHas(ImageWith("xfs"), Mount("ext4")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("xfs, not ext4")));
  // A CO that names a type for all volumes does not mean it for a directory.
  EXPECT_OK(CheckVolumeHas(Directory(), Mount("ext4")));
}

TEST(CapabilityTest, MountFlagsAreCheckedForTheFilesystemThatTheVolumeHas) {
  EXPECT_OK(CheckVolumeHas(ImageWith("ext4"), Mount("", "data=ordered")));
  EXPECT_FALSE(CheckVolumeHas(ImageWith("xfs"), Mount("", "data=ordered")).ok());
  EXPECT_FALSE(CheckVolumeHas(Directory(), Mount("", "discard")).ok());
  EXPECT_OK(CheckVolumeHas(Directory(), Mount("", "noatime")));
}

TEST(CapabilityTest, OnlyImagesWithoutAFilesystemAreBlock) {
  EXPECT_TRUE(IsBlock(ImageWith("")));
  EXPECT_FALSE(IsBlock(ImageWith("ext4")));
  EXPECT_FALSE(IsBlock(Directory()));
  EXPECT_EQ(FilesystemTypeOf(ImageWith("xfs")), "xfs");
  EXPECT_EQ(FilesystemTypeOf(Directory()), "");
}

TEST(CapabilityTest, ModesSayWhoWritesAndWhere) {
  EXPECT_TRUE(IsReadOnly(v1::SINGLE_NODE_READER_ONLY));
  EXPECT_FALSE(IsReadOnly(v1::SINGLE_NODE_WRITER));
  EXPECT_TRUE(AllowsSeveralTargets(v1::SINGLE_NODE_MULTI_WRITER));
  EXPECT_FALSE(AllowsSeveralTargets(v1::SINGLE_NODE_SINGLE_WRITER));
}

TEST(CapabilityTest, DiscardAndThickContradictEachOther) {
  v1::VolumeRecord volume = ImageWith("xfs");
  EXPECT_OK(CheckVolumeHas(volume, Mount("", "discard")));
  volume.mutable_image()->set_thick(true);
  EXPECT_OK(CheckVolumeHas(volume, Mount("", "noatime")));
  EXPECT_THAT(CheckVolumeHas(volume, Mount("", "discard")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("thick")));
}

}  // namespace
}  // namespace nodevol::storage
