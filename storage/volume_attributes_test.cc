// SPDX-License-Identifier: Apache-2.0
#include "storage/volume_attributes.h"

#include <string>
#include <utility>

#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

auto Invalid(const std::string& what) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
}

TEST(VolumeAttributesTest, ValuesAreUnderstood) {
  v1::VolumeAttributes attributes;
  EXPECT_OK(SetAttribute("inodeLimit", "1000", attributes));
  EXPECT_EQ(attributes.inode_limit(), 1000);
  EXPECT_OK(SetAttribute("undeleteWindow", "24h", attributes));
  EXPECT_EQ(attributes.undelete_window_seconds(), 24 * 3600);
  EXPECT_OK(SetAttribute("undeleteWindow", "1h30m", attributes));
  EXPECT_EQ(attributes.undelete_window_seconds(), 5400);
  EXPECT_OK(SetAttribute("undeleteWindow", "0", attributes));
  EXPECT_EQ(attributes.undelete_window_seconds(), 0);
  EXPECT_OK(SetAttribute("discard", "true", attributes));
  EXPECT_TRUE(attributes.discard());
}

// A window that is rounded to nothing would be one that nobody has.
TEST(VolumeAttributesTest, WindowOfLessThanASecondIsASecond) {
  v1::VolumeAttributes attributes;
  EXPECT_OK(SetAttribute("undeleteWindow", "10ms", attributes));
  EXPECT_EQ(attributes.undelete_window_seconds(), 1);
}

TEST(VolumeAttributesTest, BadValuesAreNamed) {
  const std::pair<const char*, const char*> bad[] = {{"inodeLimit", "-1"},
                                                     {"inodeLimit", "many"},
                                                     {"inodeLimit", ""},
                                                     {"undeleteWindow", "-1h"},
                                                     {"undeleteWindow", "7d"},
                                                     {"undeleteWindow", "9000h"},
                                                     {"undeleteWindow", "inf"},
                                                     {"undeleteWindow", ""},
                                                     {"discard", "yes"},
                                                     {"discard", "TRUE"},
                                                     {"inodeLimit", "99999999999999999999"}};
  for (const auto& [key, value] : bad) {
    v1::VolumeAttributes attributes;
    EXPECT_THAT(SetAttribute(key, value, attributes),
                AllOf(Invalid(key), Invalid(std::string("\"") + value + "\"")));
  }
}

TEST(VolumeAttributesTest, AllOrNoneAreSet) {
  v1::VolumeAttributes attributes;
  attributes.set_inode_limit(7);
  google::protobuf::Map<std::string, std::string> parameters;
  parameters["inodeLimit"] = "1000";
  parameters["iops"] = "5";
  EXPECT_THAT(SetAttributes(parameters, attributes), Invalid("\"iops\""));
  EXPECT_EQ(attributes.inode_limit(), 7);
}

TEST(VolumeAttributesTest, WhatAVolumeCannotHaveIsRefused) {
  v1::VolumeRecord image;
  image.mutable_image()->set_fs_type("ext4");
  image.mutable_attributes()->set_inode_limit(10);
  EXPECT_THAT(CheckAttributes(image), Invalid("inodeLimit"));
  image.mutable_attributes()->set_inode_limit(0);
  image.mutable_attributes()->set_discard(true);
  EXPECT_OK(CheckAttributes(image));
  image.mutable_image()->set_thick(true);
  EXPECT_THAT(CheckAttributes(image), Invalid("thick"));

  v1::VolumeRecord block;
  block.mutable_image();
  block.mutable_attributes()->set_discard(true);
  EXPECT_THAT(CheckAttributes(block), Invalid("discard"));

  v1::VolumeRecord directory;
  directory.mutable_directory()->set_limit(v1::DirectoryContent::PROJECT_QUOTA);
  directory.mutable_attributes()->set_inode_limit(10);
  EXPECT_OK(CheckAttributes(directory));
  directory.mutable_attributes()->set_discard(true);
  EXPECT_THAT(CheckAttributes(directory), Invalid("discard"));
  directory.mutable_attributes()->set_discard(false);
  directory.mutable_directory()->set_limit(v1::DirectoryContent::BTRFS_SIMPLE_QUOTA);
  EXPECT_THAT(CheckAttributes(directory), Invalid("inodeLimit"));
}

TEST(VolumeAttributesTest, EveryVolumeCanBeHadBack) {
  v1::VolumeRecord volume;
  volume.mutable_attributes()->set_undelete_window_seconds(60);
  volume.mutable_image();
  EXPECT_OK(CheckAttributes(volume));
  volume.mutable_directory();
  EXPECT_OK(CheckAttributes(volume));
}

}  // namespace
}  // namespace nodevol::storage
