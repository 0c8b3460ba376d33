// SPDX-License-Identifier: Apache-2.0
//
// Retries and copies: what a request is compared with.
#include <string>

#include "base/bytes.h"
#include "storage/volume_spec.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class SameVolumeTest : public ::testing::Test {
 protected:
  SameVolumeTest() {
    v1::VolumeRequest& made_by = *existing_.mutable_request();
    made_by.set_name("pvc-1");
    made_by.mutable_capacity_range()->set_required_bytes(kGiB);
    made_by.mutable_capacity_range()->set_limit_bytes(4 * kGiB);
    v1::VolumeCapability& capability = *made_by.add_capabilities();
    capability.mutable_mount()->add_mount_flags("noatime");
    capability.set_access_mode(v1::SINGLE_NODE_WRITER);
    (*made_by.mutable_parameters())["mode"] = "0700";
    (*made_by.mutable_parameters())["csi.storage.k8s.io/pvc/name"] = "data";
    existing_.set_size_bytes(kGiB);
    request_ = made_by;
  }

  absl::Status Check() const { return CheckSameVolume(existing_, request_); }
  // Matches ALREADY_EXISTS that names the volume and what differs.
  static auto DiffersIn(const std::string& what) {
    return StatusIs(absl::StatusCode::kAlreadyExists,
                    AllOf(HasSubstr("\"pvc-1\""), HasSubstr(what)));
  }
  v1::VolumeCapability& capability() { return *request_.mutable_capabilities(0); }

  v1::VolumeRecord existing_;
  v1::VolumeRequest request_;
};

TEST_F(SameVolumeTest, SameRequestIsTheSameVolume) { EXPECT_OK(Check()); }

TEST_F(SameVolumeTest, ParametersDiffer) {
  (*request_.mutable_parameters())["mode"] = "0770";
  EXPECT_THAT(Check(), DiffersIn("parameters"));
  request_.mutable_parameters()->erase("mode");
  EXPECT_THAT(Check(), DiffersIn("parameters"));
  (*request_.mutable_parameters())["mode"] = "0700";
  (*request_.mutable_parameters())["uid"] = "0";
  EXPECT_THAT(Check(), DiffersIn("parameters"));
}

TEST_F(SameVolumeTest, KeysThatKubernetesAddsMayDiffer) {
  (*request_.mutable_parameters())["csi.storage.k8s.io/pvc/name"] = "other";
  (*request_.mutable_parameters())["csi.storage.k8s.io/pv/name"] = "new";
  EXPECT_OK(Check());
  (*request_.mutable_parameters())["csi.storage.k8s.io/fstype"] = "xfs";
  EXPECT_THAT(Check(), DiffersIn("parameters"));
}

TEST_F(SameVolumeTest, AccessModeDiffers) {
  capability().set_access_mode(v1::SINGLE_NODE_MULTI_WRITER);
  EXPECT_THAT(Check(), DiffersIn("capability"));
}

TEST_F(SameVolumeTest, AccessTypeDiffers) {
  capability().mutable_block();
  EXPECT_THAT(Check(), DiffersIn("capability"));
}

TEST_F(SameVolumeTest, FilesystemTypeDiffers) {
  capability().mutable_mount()->set_fs_type("xfs");
  EXPECT_THAT(Check(), DiffersIn("capability"));
}

TEST_F(SameVolumeTest, MountFlagsDiffer) {
  capability().mutable_mount()->add_mount_flags("ro");
  EXPECT_THAT(Check(), DiffersIn("capability"));
}

TEST_F(SameVolumeTest, CapabilitiesAreASet) {
  v1::VolumeCapability other = capability();
  other.set_access_mode(v1::SINGLE_NODE_READER_ONLY);
  *request_.add_capabilities() = other;
  EXPECT_THAT(Check(), DiffersIn("capability"));
  *existing_.mutable_request()->add_capabilities() = other;
  EXPECT_OK(Check());
  request_.mutable_capabilities()->SwapElements(0, 1);
  EXPECT_OK(Check());
  request_.mutable_capabilities()->RemoveLast();
  EXPECT_THAT(Check(), DiffersIn("capability"));
}

TEST_F(SameVolumeTest, ContentSourceDiffers) {
  request_.mutable_content_source()->set_volume_id("a");
  EXPECT_THAT(Check(), DiffersIn("content source"));
  *existing_.mutable_request()->mutable_content_source() = request_.content_source();
  EXPECT_OK(Check());
  request_.mutable_content_source()->set_snapshot_id("a");
  EXPECT_THAT(Check(), DiffersIn("content source"));
  request_.clear_content_source();
  EXPECT_THAT(Check(), DiffersIn("content source"));
}

TEST_F(SameVolumeTest, OtherRangeThatTheSizeFitsIsCompatible) {
  request_.mutable_capacity_range()->set_limit_bytes(kGiB);
  EXPECT_OK(Check());
  request_.mutable_capacity_range()->set_required_bytes(kMiB);
  EXPECT_OK(Check());
  request_.clear_capacity_range();
  EXPECT_OK(Check());
}

TEST_F(SameVolumeTest, RangeThatTheSizeDoesNotFitIsAnother) {
  request_.mutable_capacity_range()->set_required_bytes(kGiB + 1);
  EXPECT_THAT(Check(), DiffersIn("1 GiB"));
  request_.mutable_capacity_range()->set_required_bytes(0);
  request_.mutable_capacity_range()->set_limit_bytes(kGiB - 1);
  EXPECT_THAT(Check(), DiffersIn("1 GiB"));
}

TEST_F(SameVolumeTest, RetryFindsItsVolumeAfterThatHasGrown) {
  existing_.set_size_bytes(100 * kGiB);
  EXPECT_OK(Check());
}

class AdoptSourceTest : public ::testing::Test {
 protected:
  static v1::ImageContent Image(const std::string& fs_type) {
    v1::ImageContent image;
    image.set_fs_type(fs_type);
    return image;
  }
  static auto Refused(const std::string& why) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why));
  }

  VolumeSpec spec_;
};

TEST_F(AdoptSourceTest, WhatIsOpenIsTakenFromTheSource) {
  ASSERT_OK(AdoptSource(Image("xfs"), /*directory=*/false, spec_));
  EXPECT_EQ(spec_.fs_type, "xfs");
  EXPECT_EQ(spec_.backend, BackendChoice::kImage);
  VolumeSpec directory;
  ASSERT_OK(AdoptSource({}, /*directory=*/true, directory));
  EXPECT_EQ(directory.fs_type, "");
  EXPECT_EQ(directory.backend, BackendChoice::kDirectory);
  VolumeSpec block;
  block.block = true;
  ASSERT_OK(AdoptSource(Image(""), /*directory=*/false, block));
  EXPECT_EQ(block.fs_type, "");
  EXPECT_EQ(block.backend, BackendChoice::kImage);
}

TEST_F(AdoptSourceTest, WhatAgreesWithTheSourceIsTaken) {
  spec_.fs_type = "xfs";
  spec_.backend = BackendChoice::kImage;
  spec_.thick = true;
  EXPECT_OK(AdoptSource(Image("xfs"), /*directory=*/false, spec_));
  EXPECT_TRUE(spec_.thick);
}

TEST_F(AdoptSourceTest, BlockAndFilesystemDoNotBecomeEachOther) {
  EXPECT_THAT(AdoptSource(Image(""), false, spec_), Refused("raw block"));
  spec_.block = true;
  EXPECT_THAT(AdoptSource(Image("ext4"), false, spec_), Refused("has a filesystem"));
  EXPECT_THAT(AdoptSource({}, true, spec_), Refused("has a filesystem"));
}

TEST_F(AdoptSourceTest, DirectoryAndImageDoNotBecomeEachOther) {
  spec_.backend = BackendChoice::kImage;
  EXPECT_THAT(AdoptSource({}, true, spec_), Refused("the source is a directory"));
  spec_.backend = BackendChoice::kDirectory;
  EXPECT_THAT(AdoptSource(Image("ext4"), false, spec_), Refused("the source is an image"));
  VolumeSpec named;
  named.fs_type = "ext4";
  EXPECT_THAT(AdoptSource({}, true, named), Refused("the source is a directory"));
  VolumeSpec thick;
  thick.thick = true;
  EXPECT_THAT(AdoptSource({}, true, thick), Refused("thick"));
}

TEST_F(AdoptSourceTest, OtherFilesystemTypeIsNamed) {
  spec_.fs_type = "ext4";
  EXPECT_THAT(AdoptSource(Image("xfs"), false, spec_), Refused("xfs, not ext4"));
}

}  // namespace
}  // namespace nodevol::storage
