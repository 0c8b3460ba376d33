// SPDX-License-Identifier: Apache-2.0
#include "storage/reserve.h"

#include <fcntl.h>

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/errno_status.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/filesystem.h"
#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::TestFilesystem;

constexpr int64_t kBytes = 32 * kMiB;

TEST(ReserveSizeTest, OneHundredthWithinBounds) {
  EXPECT_EQ(Reserve::SizeFor(0), 4 * kMiB);
  EXPECT_EQ(Reserve::SizeFor(100 * kMiB), 4 * kMiB);
  EXPECT_EQ(Reserve::SizeFor(10 * kGiB), 10 * kGiB / 100);
  EXPECT_EQ(Reserve::SizeFor(100 * kTiB), 256 * kMiB);
}

class ReserveTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(TestFilesystem made,
                         TestFilesystem::Create({.type = GetParam(), .bytes = 512 * kMiB}));
    disk_.emplace(std::move(made));
    ASSERT_OK_AND_ASSIGN(root_, host::OpenPath(disk_->path(), O_RDONLY | O_DIRECTORY));
  }
  void TearDown() override { root_.reset(); }

  int64_t FreeBytes() {
    EXPECT_OK(host::SyncFilesystem(root_.get()));
    return host::UsageOf(root_.get())->available_bytes;
  }
  // Takes everything but `left` bytes.
  UniqueFd Fill(int64_t left) {
    UniqueFd file = *host::OpenBeneath(root_.get(), "foreign", O_RDWR | O_CREAT, 0600);
    int64_t size = FreeBytes() - left;
    while (IsOutOfSpace(host::Allocate(file.get(), size, /*keep_size=*/false))) size -= kMiB;
    return file;
  }

  std::optional<TestFilesystem> disk_;
  UniqueFd root_;
};

INSTANTIATE_TEST_SUITE_P(Filesystems, ReserveTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         PoolFilesystemName);

TEST_P(ReserveTest, SpaceIsTakenGivenUpAndTakenBack) {
  Reserve reserve;
  ASSERT_OK(reserve.Open(root_.get(), kBytes));
  EXPECT_EQ(reserve.Missing(), 0);
  const int64_t with = FreeBytes();
  ASSERT_OK(reserve.GiveUp());
  EXPECT_EQ(reserve.Missing(), kBytes);
  EXPECT_GE(FreeBytes(), with + kBytes / 2);
  ASSERT_OK(reserve.Restore());
  EXPECT_EQ(reserve.Missing(), 0);
  EXPECT_LE(FreeBytes(), with + kMiB);
  EXPECT_OK(reserve.Restore());
}

TEST_P(ReserveTest, FullFilesystemOpensWithoutIt) {
  UniqueFd foreign = Fill(kBytes / 4);
  Reserve reserve;
  ASSERT_OK(reserve.Open(root_.get(), kBytes));
  EXPECT_EQ(reserve.Missing(), kBytes);
  EXPECT_TRUE(IsOutOfSpace(reserve.Restore()));
  // What could not be had whole is not held in part.
  ASSERT_OK_AND_ASSIGN(const host::FileInfo file, host::InspectAt(root_.get(), "reserve"));
  EXPECT_EQ(file.allocated_bytes, 0);
  ASSERT_OK(host::SetFileSize(foreign.get(), 0));
  FreeBytes();
  EXPECT_OK(reserve.Restore());
  EXPECT_EQ(reserve.Missing(), 0);
}

TEST_P(ReserveTest, ReserveOfAFullFilesystemIsKeptOverARestart) {
  {
    Reserve reserve;
    ASSERT_OK(reserve.Open(root_.get(), kBytes));
  }
  const UniqueFd foreign = Fill(kMiB);
  Reserve reserve;
  ASSERT_OK(reserve.Open(root_.get(), kBytes));
  EXPECT_EQ(reserve.Missing(), 0);
}

}  // namespace
}  // namespace nodevol::storage
