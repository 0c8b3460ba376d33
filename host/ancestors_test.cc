// SPDX-License-Identifier: Apache-2.0
#include "host/ancestors.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <string>

#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::NewDirectory;

class AncestorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::mkdir((top_ + "/a").c_str(), 0700), 0);
    ASSERT_EQ(::mkdir((top_ + "/a/b").c_str(), 0700), 0);
    ASSERT_EQ(::mkdir((top_ + "/other").c_str(), 0700), 0);
  }
  static absl::StatusOr<bool> Within(const std::string& path, const std::string& ancestor) {
    const absl::StatusOr<UniqueFd> fd = OpenPath(path, O_PATH | O_DIRECTORY);
    const absl::StatusOr<FileInfo> info = InspectPath(ancestor);
    if (!fd.ok()) return fd.status();
    if (!info.ok()) return info.status();
    return IsWithin(fd->get(), *info);
  }

  const std::string top_ = NewDirectory();
};

TEST_F(AncestorsTest, DirectoriesAreWithinThemselvesAndThoseAbove) {
  EXPECT_THAT(Within(top_ + "/a/b", top_ + "/a/b"), IsOkAndHolds(true));
  EXPECT_THAT(Within(top_ + "/a/b", top_ + "/a"), IsOkAndHolds(true));
  EXPECT_THAT(Within(top_ + "/a/b", "/"), IsOkAndHolds(true));
  EXPECT_THAT(Within(top_ + "/a", top_ + "/a/b"), IsOkAndHolds(false));
  EXPECT_THAT(Within(top_ + "/other", top_ + "/a"), IsOkAndHolds(false));
  EXPECT_THAT(Within("/", "/"), IsOkAndHolds(true));
  EXPECT_THAT(Within("/", top_), IsOkAndHolds(false));
}

TEST_F(AncestorsTest, ABindMountIsKnownByWhatItShows) {
  const std::string alias = NewDirectory();
  ASSERT_EQ(::mount((top_ + "/a").c_str(), alias.c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_THAT(Within(alias + "/b", top_ + "/a"), IsOkAndHolds(true));
  EXPECT_THAT(Within(alias, top_ + "/a"), IsOkAndHolds(true));
  EXPECT_THAT(Within(alias, top_), IsOkAndHolds(false)) << "above it is what it is mounted on";
  EXPECT_EQ(::umount(alias.c_str()), 0);
}

}  // namespace
}  // namespace nodevol::host
