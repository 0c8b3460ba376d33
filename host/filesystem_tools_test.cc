// SPDX-License-Identifier: Apache-2.0
#include "host/filesystem_tools.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/loop_device.h"
#include "host/mount.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

// A new image without a name.
UniqueFd NewImage(int64_t bytes) {
  const char* directory = ::getenv("TMPDIR");
  UniqueFd image(
      ::open(directory == nullptr ? "/var/tmp" : directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_OK(SetFileSize(image.get(), bytes));
  return image;
}

// An image's filesystem in use, mounted where nobody sees it.
struct Mounted {
  LoopDevice loop;
  UniqueFd tree;
  UniqueFd root;
};

absl::StatusOr<Mounted> MountImage(int image, FilesystemType type) {
  Mounted mounted;
  ASSIGN_OR_RETURN(mounted.loop, AttachLoop(image, {.autoclear = true, .sector_bytes = 4096}));
  ASSIGN_OR_RETURN(mounted.tree,
                   NewMount(FilesystemName(type), mounted.loop.Path(), false, {}, {}));
  ASSIGN_OR_RETURN(mounted.root, OpenDirectory(mounted.tree.get(), "."));
  return mounted;
}

class FilesystemToolsTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  static int64_t Minimum() { return MinimumFilesystemBytes(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(All, FilesystemToolsTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         [](const auto& type) { return std::string(FilesystemName(type.param)); });

TEST_P(FilesystemToolsTest, SmallestFilesystemIsMadeRecognisedAndUsable) {
  const UniqueFd image = NewImage(Minimum());
  EXPECT_THAT(ProbeFilesystem(image.get()), IsOkAndHolds(""));
  ASSERT_OK(MakeFilesystem(image.get(), GetParam(), {}));
  EXPECT_THAT(ProbeFilesystem(image.get()), IsOkAndHolds(std::string(FilesystemName(GetParam()))));
  ASSERT_OK_AND_ASSIGN(const Mounted mounted, MountImage(image.get(), GetParam()));
  EXPECT_THAT(IdentifyFilesystem(mounted.root.get()), IsOkAndHolds(GetParam()));
  EXPECT_THAT(ProbeFilesystem(mounted.loop.fd.get()),
              IsOkAndHolds(std::string(FilesystemName(GetParam()))));
  EXPECT_OK(WriteNewFile(mounted.root.get(), "file", std::string(size_t{kMiB}, 'x'), 0600));
}

TEST_P(FilesystemToolsTest, NewFilesystemLeavesItsImageSparse) {
  const UniqueFd image = NewImage(10 * kGiB);
  ASSERT_OK(MakeFilesystem(image.get(), GetParam(), {}));
  ASSERT_OK(Sync(image.get()));
  ASSERT_OK_AND_ASSIGN(const FileInfo info, Inspect(image.get()));
  EXPECT_EQ(info.size_bytes, 10 * kGiB);
  EXPECT_LE(info.allocated_bytes, 256 * kMiB);
}

TEST_P(FilesystemToolsTest, OptionsReachMkfs) {
  const UniqueFd image = NewImage(Minimum());
  ASSERT_OK(MakeFilesystem(image.get(), GetParam(), {"-L", "my-label"}));
  std::string start(size_t{kMiB}, '\0');
  ASSERT_EQ(::pread(image.get(), start.data(), start.size(), 0), kMiB);
  EXPECT_THAT(start, HasSubstr("my-label"));
  EXPECT_THAT(MakeFilesystem(NewImage(Minimum()).get(), GetParam(), {"--nonsense"}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("nonsense")));
}

TEST_P(FilesystemToolsTest, MountedFilesystemGrowsToItsDevice) {
  const UniqueFd image = NewImage(Minimum());
  ASSERT_OK(MakeFilesystem(image.get(), GetParam(), {}));
  ASSERT_OK_AND_ASSIGN(const Mounted mounted, MountImage(image.get(), GetParam()));
  ASSERT_OK(WriteNewFile(mounted.root.get(), "file", "content", 0600));
  int64_t bytes = Minimum();
  // The first step is too small to use.
  for (const int64_t step : {4 * kKiB, 40 * kMiB, 2 * kGiB}) {
    SCOPED_TRACE(step);
    bytes += step;
    ASSERT_OK_AND_ASSIGN(const FilesystemUsage before, UsageOf(mounted.root.get()));
    ASSERT_OK(SetFileSize(image.get(), bytes));
    ASSERT_OK(RefreshLoopSize(mounted.loop.fd.get()));
    const absl::Status grown = GrowMounted(mounted.root.get(), GetParam(), bytes);
    if (GetParam() == FilesystemType::kExt4 && ErrnoOf(grown) == EPERM) {
      GTEST_SKIP() << "ext4 grows only with CAP_SYS_RESOURCE";
    }
    ASSERT_OK(grown);
    EXPECT_OK(GrowMounted(mounted.root.get(), GetParam(), bytes));
    ASSERT_OK_AND_ASSIGN(const FilesystemUsage after, UsageOf(mounted.root.get()));
    const int64_t usable = step < kMiB ? 0 : step * 9 / 10;
    EXPECT_GE(after.total_bytes, before.total_bytes + usable);
  }
  EXPECT_THAT(ReadFile(mounted.root.get(), "file", 100), IsOkAndHolds("content"));
}

TEST_P(FilesystemToolsTest, Ext4SizeIsOnlyExt4s) {
  const UniqueFd image = NewImage(Minimum());
  EXPECT_THAT(Ext4Size(image.get()), IsOkAndHolds(Eq(std::nullopt)));
  ASSERT_OK(MakeFilesystem(image.get(), GetParam(), {}));
  if (GetParam() == FilesystemType::kExt4) {
    EXPECT_THAT(Ext4Size(image.get()), IsOkAndHolds(Optional(Minimum())));
  } else {
    EXPECT_THAT(Ext4Size(image.get()), IsOkAndHolds(Eq(std::nullopt)));
  }
}

TEST(Ext4ToolsTest, UnmountedFilesystemGrowsToItsImage) {
  const UniqueFd image = NewImage(16 * kMiB);
  ASSERT_OK(MakeFilesystem(image.get(), FilesystemType::kExt4, {}));
  {
    ASSERT_OK_AND_ASSIGN(const Mounted mounted, MountImage(image.get(), FilesystemType::kExt4));
    ASSERT_OK(WriteNewFile(mounted.root.get(), "file", "content", 0600));
  }
  ASSERT_OK(SetFileSize(image.get(), kGiB));
  ASSERT_OK(GrowExt4Offline(image.get()));
  EXPECT_THAT(Ext4Size(image.get()), IsOkAndHolds(Optional(kGiB)));
  EXPECT_OK(GrowExt4Offline(image.get()));
  ASSERT_OK_AND_ASSIGN(const Mounted mounted, MountImage(image.get(), FilesystemType::kExt4));
  EXPECT_THAT(ReadFile(mounted.root.get(), "file", 100), IsOkAndHolds("content"));
}

TEST(Ext4ToolsTest, SizeCountsBlocksAbove32Bits) {
  constexpr int64_t kBytes = 15 * kTiB;  // as much as an image on ext4 itself can be
  const UniqueFd image = NewImage(kBytes);
  std::string block(1024, '\0');
  block[0x38] = '\x53';
  block[0x39] = '\xef';
  block[0x18] = 2;       // blocks of 4 KiB
  block[0x4] = 7;        // s_blocks_count_lo
  block[0x150] = 1;      // s_blocks_count_hi
  block[0x60] = '\x80';  // INCOMPAT_64BIT
  ASSERT_EQ(::pwrite(image.get(), block.data(), block.size(), 1024), 1024);
  EXPECT_THAT(Ext4Size(image.get()), IsOkAndHolds(Optional(((int64_t{1} << 32) + 7) * 4096)));
}

TEST(ProbeFilesystemTest, SmallAndEmptyImagesAreBlank) {
  EXPECT_THAT(ProbeFilesystem(NewImage(0).get()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ProbeFilesystem(NewImage(4096).get()), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Ext4Size(NewImage(0).get()), IsOkAndHolds(Eq(std::nullopt)));
}

TEST(ProbeFilesystemTest, ImageThatCannotBeReadIsNeverBlank) {
  const UniqueFd image = NewImage(16 * kMiB);
  ASSERT_OK_AND_ASSIGN(const UniqueFd write_only,
                       OpenPath("/proc/self/fd/" + std::to_string(image.get()), O_WRONLY));
  const auto probed = ProbeFilesystem(write_only.get());
  EXPECT_FALSE(probed.ok()) << *probed;
}

TEST(FilesystemToolsOtherTest, OtherFilesystemsAreRefused) {
  const UniqueFd image = NewImage(16 * kMiB);
  EXPECT_THAT(MakeFilesystem(image.get(), FilesystemType::kOther, {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(GrowMounted(image.get(), FilesystemType::kOther, 32 * kMiB),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace nodevol::host
