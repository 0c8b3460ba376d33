// SPDX-License-Identifier: Apache-2.0
//
// What a request's parameters and capabilities are understood as. Sizes are in volume_size_test.cc,
// comparisons of two requests in volume_match_test.cc.
#include "storage/volume_spec.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

v1::VolumeCapability Mount(const std::string& fs_type = "") {
  v1::VolumeCapability capability;
  capability.mutable_mount()->set_fs_type(fs_type);
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  return capability;
}

v1::VolumeCapability Block() {
  v1::VolumeCapability capability;
  capability.mutable_block();
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  return capability;
}

absl::StatusOr<VolumeSpec> Parse(const std::map<std::string, std::string>& parameters,
                                 const std::vector<v1::VolumeCapability>& capabilities = {
                                     Mount()}) {
  return ParseVolumeSpec(ParameterMap(parameters.begin(), parameters.end()), capabilities);
}

// Matches INVALID_ARGUMENT with this in its message.
auto Invalid(const std::string& what) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what));
}

TEST(VolumeSpecTest, WithoutParametersAllIsOpen) {
  ASSERT_OK_AND_ASSIGN(const VolumeSpec spec, Parse({}));
  EXPECT_FALSE(spec.block);
  EXPECT_EQ(spec.fs_type, "");
  EXPECT_EQ(spec.pool, "");
  EXPECT_EQ(spec.backend, BackendChoice::kAuto);
  EXPECT_FALSE(spec.thick);
  EXPECT_EQ(spec.mkfs_options, "");
  EXPECT_EQ(spec.root.mode, 0770U);
  EXPECT_EQ(spec.root.uid, 0U);
  EXPECT_EQ(spec.root.gid, 0U);
  EXPECT_FALSE(spec.NeedsImage());
}

TEST(VolumeSpecTest, EveryParameterIsUnderstood) {
  ASSERT_OK_AND_ASSIGN(const VolumeSpec spec, Parse({{"pool", "ssd"},
                                                     {"backend", "image"},
                                                     {"provisioning", "thick"},
                                                     {"mkfsOptions", "-N 5"},
                                                     {"mode", "2775"},
                                                     {"uid", "1000"},
                                                     {"gid", "4294967294"},
                                                     {"csi.storage.k8s.io/fstype", "ext4"}}));
  EXPECT_EQ(spec.pool, "ssd");
  EXPECT_EQ(spec.backend, BackendChoice::kImage);
  EXPECT_TRUE(spec.thick);
  EXPECT_EQ(spec.mkfs_options, "-N 5");
  EXPECT_EQ(spec.root.mode, 02775U);
  EXPECT_EQ(spec.root.uid, 1000U);
  EXPECT_EQ(spec.root.gid, 4294967294U);
  EXPECT_EQ(spec.fs_type, "ext4");
  EXPECT_TRUE(spec.NeedsImage());
}

TEST(VolumeSpecTest, GoodValuesOfEachParameter) {
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"backend", "auto"},
                                                        {"backend", "directory"},
                                                        {"backend", "image"},
                                                        {"provisioning", "thin"},
                                                        {"mode", "0"},
                                                        {"mode", "0770"},
                                                        {"mode", "7777"},
                                                        {"mode", "07777"},
                                                        {"uid", "0"},
                                                        {"gid", "0"},
                                                        {"mkfsOptions", ""},
                                                        {"csi.storage.k8s.io/fstype", "xfs"},
                                                        {"csi.storage.k8s.io/fstype", "btrfs"},
                                                        {"csi.storage.k8s.io/fstype", ""}}) {
    EXPECT_OK(Parse({{key, value}})) << key << "=" << value;
  }
}

TEST(VolumeSpecTest, BadValueIsRefusedWithItsKey) {
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"pool", ""},
                                                        {"backend", ""},
                                                        {"backend", "Directory"},
                                                        {"backend", "zfs"},
                                                        {"provisioning", ""},
                                                        {"provisioning", "fat"},
                                                        {"mode", ""},
                                                        {"mode", "0o770"},
                                                        {"mode", "888"},
                                                        {"mode", "10000"},
                                                        {"mode", "000770"},
                                                        {"mode", "-1"},
                                                        {"mode", "rwxr-x---"},
                                                        {"uid", ""},
                                                        {"uid", "-1"},
                                                        {"uid", "4294967295"},
                                                        {"uid", "4294967296"},
                                                        {"uid", "root"},
                                                        {"uid", "1e3"},
                                                        {"gid", "0x10"},
                                                        {"gid", "4294967295"},
                                                        {"csi.storage.k8s.io/fstype", "ntfs"},
                                                        {"csi.storage.k8s.io/fstype", "ext3"},
                                                        {"csi.storage.k8s.io/fstype", "other"}}) {
    EXPECT_THAT(Parse({{key, value}}), Invalid("parameter " + key)) << key << "=" << value;
  }
}

TEST(VolumeSpecTest, UnknownParameterIsNamed) {
  EXPECT_THAT(Parse({{"poool", "ssd"}}), Invalid("\"poool\""));
  EXPECT_THAT(Parse({{"", "x"}}), Invalid("unknown parameter"));
  EXPECT_THAT(Parse({{"Backend", "image"}}), Invalid("\"Backend\""));
  EXPECT_THAT(Parse({{"csi.storage.k8s.io", "x"}}), Invalid("\"csi.storage.k8s.io\""));
}

TEST(VolumeSpecTest, KeysOfKubernetesAreTolerated) {
  EXPECT_OK(Parse({{"csi.storage.k8s.io/pvc/name", "data"},
                   {"csi.storage.k8s.io/pvc/namespace", "default"},
                   {"csi.storage.k8s.io/anything", "-E ../"}}));
}

TEST(VolumeSpecTest, CapabilityTellsTheKindOfVolume) {
  ASSERT_OK_AND_ASSIGN(const VolumeSpec block, Parse({}, {Block()}));
  EXPECT_TRUE(block.block);
  EXPECT_TRUE(block.NeedsImage());
  ASSERT_OK_AND_ASSIGN(const VolumeSpec xfs, Parse({}, {Mount("xfs"), Mount()}));
  EXPECT_EQ(xfs.fs_type, "xfs");
  EXPECT_TRUE(xfs.NeedsImage());
  ASSERT_OK_AND_ASSIGN(const VolumeSpec none, Parse({}, {}));
  EXPECT_FALSE(none.block);
}

TEST(VolumeSpecTest, WhatADirectoryDoesNotHaveAsksForAnImage) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"provisioning", "thick"}, {"mkfsOptions", "-N 5"}}) {
    ASSERT_OK_AND_ASSIGN(const VolumeSpec spec, Parse({{key, value}}));
    EXPECT_TRUE(spec.NeedsImage()) << key;
  }
  for (const auto& [flag, image] : std::map<std::string, bool>{
           {"discard", true}, {"commit=5", true}, {"noatime", false}, {"ro", false}}) {
    v1::VolumeCapability capability = Mount();
    capability.mutable_mount()->add_mount_flags(flag);
    ASSERT_OK_AND_ASSIGN(const VolumeSpec spec, Parse({}, {capability}));
    EXPECT_EQ(spec.NeedsImage(), image) << flag;
  }
}

TEST(VolumeSpecTest, FilesystemTypeOfTheClassMeansNothingToABlockVolume) {
  ASSERT_OK_AND_ASSIGN(const VolumeSpec spec,
                       Parse({{"csi.storage.k8s.io/fstype", "xfs"}}, {Block()}));
  EXPECT_TRUE(spec.block);
  EXPECT_EQ(spec.fs_type, "");
}

TEST(VolumeSpecTest, CapabilitiesThatContradictEachOtherAreRefused) {
  EXPECT_THAT(Parse({}, {Block(), Mount()}), Invalid("ask for both"));
  EXPECT_THAT(Parse({}, {Mount(), Block()}), Invalid("ask for both"));
  EXPECT_THAT(Parse({}, {Mount("ext4"), Mount("xfs")}), Invalid("two filesystem types"));
  EXPECT_THAT(Parse({{"csi.storage.k8s.io/fstype", "ext4"}}, {Mount("xfs")}),
              Invalid("two filesystem types"));
  EXPECT_THAT(Parse({}, {v1::VolumeCapability()}), Invalid("access mode"));
}

TEST(VolumeSpecTest, DirectoryCanNotBeWhatOnlyAnImageIs) {
  EXPECT_THAT(Parse({{"backend", "directory"}}, {Block()}), Invalid("raw block"));
  EXPECT_THAT(Parse({{"backend", "directory"}}, {Mount("ext4")}), Invalid("(ext4)"));
  EXPECT_THAT(Parse({{"backend", "directory"}, {"provisioning", "thick"}}), Invalid("thick"));
  EXPECT_THAT(Parse({{"backend", "directory"}, {"mkfsOptions", "-N 5"}}), Invalid("mkfsOptions"));
}

TEST(VolumeSpecTest, SnapshotClassHasNoParametersOfItsOwn) {
  ParameterMap parameters;
  EXPECT_OK(CheckSnapshotParameters(parameters));
  parameters["csi.storage.k8s.io/volumesnapshot/name"] = "x";
  EXPECT_OK(CheckSnapshotParameters(parameters));
  parameters["pool"] = "ssd";
  EXPECT_THAT(CheckSnapshotParameters(parameters), AllOf(Invalid("\"pool\"")));
}

}  // namespace
}  // namespace nodevol::storage
