// SPDX-License-Identifier: Apache-2.0
#include "storage/mount_index.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nodevol::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

auto At(const std::string& path) { return Field(&VolumeMount::path, path); }

TEST(MountIndexTest, MountsAreFoundByTheirVolume) {
  MountIndex index;
  index.Add("vol-1", {.path = "/a", .capability = std::nullopt});
  index.Add("vol-1", {.path = "/b", .capability = std::nullopt});
  index.Add("vol-2", {.path = "/c", .capability = std::nullopt});
  EXPECT_THAT(index.Find("vol-1"), ElementsAre(At("/a"), At("/b")));
  EXPECT_THAT(index.Find("vol-2"), ElementsAre(At("/c")));
  EXPECT_THAT(index.Find("vol-3"), IsEmpty());
}

TEST(MountIndexTest, PathIsThereOnceWithTheLatestCapability) {
  MountIndex index;
  index.Add("vol-1", {.path = "/a", .capability = std::nullopt});
  v1::VolumeCapability capability;
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  index.Add("vol-1", {.path = "/a", .capability = capability});
  const std::vector<VolumeMount> mounts = index.Find("vol-1");
  ASSERT_THAT(mounts, SizeIs(1));
  ASSERT_TRUE(mounts.front().capability.has_value());
  EXPECT_EQ(mounts.front().capability->access_mode(), v1::SINGLE_NODE_WRITER);
}

TEST(MountIndexTest, OnlyTheNamedMountIsRemoved) {
  MountIndex index;
  index.Add("vol-1", {.path = "/a", .capability = std::nullopt});
  index.Add("vol-1", {.path = "/b", .capability = std::nullopt});
  index.Add("vol-2", {.path = "/a", .capability = std::nullopt});
  index.Remove("vol-1", "/a");
  EXPECT_THAT(index.Find("vol-1"), ElementsAre(At("/b")));
  EXPECT_THAT(index.Find("vol-2"), ElementsAre(At("/a")));
  index.Remove("vol-1", "/a");
  index.Remove("vol-1", "/b");
  index.Remove("vol-3", "/b");
  EXPECT_THAT(index.Find("vol-1"), IsEmpty());
}

TEST(MountIndexTest, ManyThreadsUseItAtOnce) {
  MountIndex index;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&index, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string path = absl::StrCat("/", t, "/", i % 10);
        index.Add("vol", {.path = path, .capability = std::nullopt});
        EXPECT_LE(index.Find("vol").size(), 40U);
        if (i % 10 != t) index.Remove("vol", path);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(index.Find("vol"), SizeIs(4));
}

}  // namespace
}  // namespace nodevol::storage
