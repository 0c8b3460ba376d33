// SPDX-License-Identifier: Apache-2.0
#include "storage/static_volume.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

auto IsInvalid(const std::string& word) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(word));
}

v1::VolumeCapability Mount(v1::AccessMode mode = v1::SINGLE_NODE_WRITER) {
  v1::VolumeCapability capability;
  capability.mutable_mount();
  capability.set_access_mode(mode);
  return capability;
}

v1::VolumeCapability Block() {
  v1::VolumeCapability capability;
  capability.mutable_block();
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  return capability;
}

TEST(StaticIdTest, GrammarIsChecked) {
  for (const std::string& name : {std::string("a"), std::string("shared-data_1.2"),
                                  std::string("A..b"), std::string(100, 'x')}) {
    EXPECT_TRUE(IsStaticId("static:" + name));
    EXPECT_OK(CheckStaticId("static:" + name));
  }
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string(".a"), std::string("a/b"),
        std::string("../a"), std::string("a b"), std::string("a:b"), std::string("ä"),
        std::string("a\0b", 3), std::string(101, 'x')}) {
    EXPECT_TRUE(IsStaticId("static:" + name));
    EXPECT_THAT(CheckStaticId("static:" + name), IsInvalid("static:NAME"));
  }
  for (const std::string id : {"", "static", "Static:a", " static:a", "pvc-1"}) {
    EXPECT_FALSE(IsStaticId(id));
    EXPECT_THAT(CheckStaticId(id), IsInvalid("static:NAME"));
  }
}

TEST(StaticContextTest, PathAndType) {
  ParameterMap context;
  context["path"] = "/mnt//shared/./data/";
  context["csi.storage.k8s.io/pod.name"] = "pod";
  ASSERT_OK_AND_ASSIGN(StaticVolume volume, ParseStaticVolume(context));
  EXPECT_EQ(volume.path, "/mnt/shared/data");
  EXPECT_EQ(volume.type, StaticType::kAny);
  context["type"] = "DirectoryOrCreate";
  ASSERT_OK_AND_ASSIGN(volume, ParseStaticVolume(context));
  EXPECT_EQ(volume.type, StaticType::kDirectoryOrCreate);
  context["type"] = "";
  EXPECT_OK(ParseStaticVolume(context));
}

TEST(StaticContextTest, WhatIsNotUnderstoodIsNamed) {
  ParameterMap context;
  EXPECT_THAT(ParseStaticVolume(context), IsInvalid("path is missing"));
  for (const std::string path : {"", "relative", "/", "/a/../b", "/..", "//"}) {
    context["path"] = path;
    EXPECT_THAT(ParseStaticVolume(context), IsInvalid("volume attribute path")) << path;
  }
  context["path"] = "/mnt/shared";
  for (const std::string type : {"directory", "Dir", "Directory ", "Symlink"}) {
    context["type"] = type;
    EXPECT_THAT(ParseStaticVolume(context), IsInvalid("\"" + type + "\" is not known"));
  }
  context.erase("type");
  context["readOnly"] = "true";
  EXPECT_THAT(ParseStaticVolume(context), IsInvalid("unknown volume attribute \"readOnly\""));
}

TEST(StaticCapabilityTest, AllAccessModesThatThereAre) {
  for (int mode = 1; mode <= 7; ++mode) {
    EXPECT_OK(CheckStaticCapability(Mount(static_cast<v1::AccessMode>(mode)))) << mode;
  }
  for (const int mode : {0, 8, -1}) {
    EXPECT_THAT(CheckStaticCapability(Mount(static_cast<v1::AccessMode>(mode))),
                IsInvalid(absl::StrCat("access mode ", mode)));
  }
}

TEST(StaticCapabilityTest, NoFilesystemOfItsOwn) {
  v1::VolumeCapability capability = Mount();
  capability.mutable_mount()->set_fs_type("ext4");
  EXPECT_THAT(CheckStaticCapability(capability), IsInvalid("fsType"));
  capability = Mount();
  capability.mutable_mount()->add_mount_flags("noexec");
  EXPECT_OK(CheckStaticCapability(capability));
  capability.mutable_mount()->add_mount_flags("discard");
  EXPECT_THAT(CheckStaticCapability(capability), IsInvalid("mount flag 2"));
  capability.clear_access_type();
  EXPECT_THAT(CheckStaticCapability(capability), IsInvalid("access type"));
}

TEST(StaticCapabilityTest, OnlyABlockDeviceIsARawBlockDevice) {
  EXPECT_OK(CheckStaticCapability(StaticType::kBlockDevice, Block()));
  EXPECT_OK(CheckStaticCapability(StaticType::kBlockDevice, Mount()));
  for (const StaticType type :
       {StaticType::kAny, StaticType::kDirectory, StaticType::kCharDevice}) {
    EXPECT_THAT(CheckStaticCapability(type, Block()), IsInvalid("BlockDevice"));
    EXPECT_OK(CheckStaticCapability(type, Mount()));
  }
}

}  // namespace
}  // namespace nodevol::storage
