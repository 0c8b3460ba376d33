// SPDX-License-Identifier: Apache-2.0
//
// Thick volumes have all their blocks from the beginning, thin ones when they need them.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

class ProvisioningTest : public KindTest {
 protected:
  absl::StatusOr<VolumePtr> Create(const std::string& name, const std::string& provisioning) {
    v1::VolumeRequest request = RequestFor(kind(), name);
    (*request.mutable_parameters())["provisioning"] = provisioning;
    return node().Create(request);
  }
  int64_t AllocatedBytes(const VolumePtr& volume) {
    const bool btrfs = kind().pool == host::FilesystemType::kBtrfs;
    const auto info =
        host::InspectPath(node().PathOf(volume) + (btrfs ? "/subvol" : "") + "/image");
    EXPECT_OK(info);
    return info->allocated_bytes;
  }
  static absl::Status WriteWhole(const UsedVolume& used, int64_t bytes) {
    int error = 0;
    used.Fill("", bytes, error);
    if (error != 0) return ErrnoStatus(error, "write the device");
    ASSIGN_OR_RETURN(const UniqueFd device, host::OpenPath(used.path(), O_RDONLY));
    return host::Sync(device.get());
  }
  void FillPool() {
    std::ofstream file(node().disk().path() + "/foreign", std::ios::binary);
    const std::string data(kMiB, 'x');
    while (file.write(data.data(), kMiB).flush().good()) {
    }
    ::sync();
  }
};

std::vector<TestKind> ImageKinds() {
  std::vector<TestKind> kinds = AllKinds();
  std::erase_if(kinds, [](const TestKind& kind) { return kind.backend == "directory"; });
  kinds.push_back({.name = "BlockOnBtrfs",
                   .pool = host::FilesystemType::kBtrfs,
                   .backend = "image",
                   .fs_type = "",
                   .block = true});
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Kinds, ProvisioningTest, ::testing::ValuesIn(ImageKinds()), KindName);

TEST_P(ProvisioningTest, ThickVolumeHasAllItsBlocks) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a", "thick"));
  EXPECT_TRUE(volume->image().thick());
  EXPECT_GE(AllocatedBytes(volume), volume->size_bytes());
}

TEST_P(ProvisioningTest, ThinVolumeHasFewBlocks) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a", "thin"));
  EXPECT_FALSE(volume->image().thick());
  EXPECT_LT(AllocatedBytes(volume), volume->size_bytes() / 2);
}

TEST_P(ProvisioningTest, ThickVolumeGrowsWithAllItsBlocks) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a", "thick"));
  ASSERT_OK(WriteContent(node(), volume, "content"));
  ASSERT_OK(node().Expand(volume, volume->size_bytes() + 64 * kMiB));
  EXPECT_GE(AllocatedBytes(volume), volume->size_bytes() + 64 * kMiB);
  EXPECT_THAT(ReadContent(node(), volume), IsOkAndHolds("content"));
}

TEST_P(ProvisioningTest, ThickCopyHasAllItsBlocksToo) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr source, Create("a", "thin"));
  ASSERT_OK(WriteContent(node(), source, "content"));
  v1::VolumeRequest request = RequestForCopy(kind(), "b", source);
  (*request.mutable_parameters())["provisioning"] = "thick";
  ASSERT_OK_AND_ASSIGN(const VolumePtr copy, node().Create(request));
  EXPECT_GE(AllocatedBytes(copy), copy->size_bytes());
  EXPECT_THAT(ReadContent(node(), copy), IsOkAndHolds("content"));
}

TEST_P(ProvisioningTest, ThickVolumeIsRewrittenOnAFullPool) {
  if (!kind().block) return;  // of the others, a filesystem decides where it writes
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, Create("a", "thick"));
  ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(node(), volume));
  ASSERT_OK(WriteWhole(used, volume->size_bytes()));
  FillPool();
  EXPECT_OK(WriteWhole(used, volume->size_bytes()));
  EXPECT_OK(used.Release());
}

TEST_P(ProvisioningTest, HostileMkfsOptionMakesNoVolume) {
  if (kind().block) return;  // no mkfs
  v1::VolumeRequest request = RequestFor(kind(), "a");
  (*request.mutable_parameters())["mkfsOptions"] = "-d file=/etc/passwd";
  EXPECT_THAT(node().Create(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mkfsOptions")));
  EXPECT_EQ(node().storage().FindVolume("a"), nullptr);
  EXPECT_TRUE(node().Entries(".nodevol/staging").empty());
}

}  // namespace
}  // namespace nodevol::storage
