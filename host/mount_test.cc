// SPDX-License-Identifier: Apache-2.0
#include "host/mount.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/filesystem.h"
#include "host/filesystem_tools.h"
#include "host/loop_device.h"
#include "host/mount_table.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class MountTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* directory = ::getenv("TMPDIR");
    UniqueFd image(::open(directory == nullptr ? "/var/tmp" : directory,
                          O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_TRUE(image.valid());
    ASSERT_OK(SetFileSize(image.get(), MinimumFilesystemBytes(FilesystemType::kExt4)));
    ASSERT_OK(MakeFilesystem(image.get(), FilesystemType::kExt4, {}));
    ASSERT_OK_AND_ASSIGN(loop_, AttachLoop(image.get(), {.autoclear = true}));
    path_ = NewDirectory();
    ASSERT_OK_AND_ASSIGN(target_, OpenPath(path_, O_PATH | O_DIRECTORY));
  }

  [[nodiscard]] absl::StatusOr<UniqueFd> MountImage(
      bool read_only = false, const std::vector<FilesystemOption>& options = {}) const {
    return NewMount("ext4", loop_.Path(), read_only, options, {});
  }

  static std::optional<MountEntry> EntryAt(const std::string& path) {
    std::optional<MountEntry> found;
    const std::vector<MountEntry> table = ReadMountTable().value();
    for (const MountEntry& entry : table) {
      if (entry.target == path) found = entry;
    }
    return found;
  }

  LoopDevice loop_;
  std::string path_;
  UniqueFd target_;
};

TEST_F(MountTest, DetachedMountIsUsableButSeenByNobody) {
  ASSERT_OK_AND_ASSIGN(const auto before, ReadMountTable());
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, MountImage());
    EXPECT_OK(WriteNewFile(tree.get(), "file", "content", 0600));
    EXPECT_THAT(ReadMountTable(), IsOkAndHolds(SizeIs(before.size())));
  }
  ASSERT_OK_AND_ASSIGN(const UniqueFd again, MountImage());
  EXPECT_THAT(ReadFile(again.get(), "file", 100), IsOkAndHolds("content"));
}

TEST_F(MountTest, AttachedMountShowsAtItsTarget) {
  ASSERT_OK_AND_ASSIGN(UniqueFd tree, MountImage());
  ASSERT_OK_AND_ASSIGN(const FileInfo root, Inspect(tree.get()));
  EXPECT_EQ(EntryAt(path_), std::nullopt);
  ASSERT_OK(AttachMount(tree.get(), target_.get()));
  const std::optional<MountEntry> entry = EntryAt(path_);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->filesystem, "ext4");
  EXPECT_EQ(entry->source, loop_.Path());
  EXPECT_EQ(entry->root, "/");
  EXPECT_EQ(entry->device, root.device);
  ASSERT_OK_AND_ASSIGN(const FileInfo seen, InspectPath(path_));
  EXPECT_TRUE(seen.mount_root);
  EXPECT_TRUE(seen.SameFileAs(root));
  tree.reset();
  EXPECT_OK(Unmount(path_));
  EXPECT_EQ(EntryAt(path_), std::nullopt);
}

TEST_F(MountTest, MountOutlivesTheDescriptorsThatMadeIt) {
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, MountImage());
    ASSERT_OK(AttachMount(tree.get(), target_.get()));
  }
  loop_.fd.reset();
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd root, OpenPath(path_, O_RDONLY | O_DIRECTORY));
    EXPECT_OK(WriteNewFile(root.get(), "file", "content", 0600));
  }
  EXPECT_OK(Unmount(path_));
}

TEST_F(MountTest, ReadOnlyMountRefusesWrites) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd tree, MountImage(/*read_only=*/true));
  EXPECT_THAT(WriteNewFile(tree.get(), "file", "x", 0600), ErrnoIs(EROFS));
}

TEST_F(MountTest, CloneIsReadOnlyWithoutChangingItsSource) {
  ASSERT_OK_AND_ASSIGN(UniqueFd source, MountImage());
  ASSERT_OK(AttachMount(source.get(), target_.get()));
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd clone, CloneTree(source.get()));
    ASSERT_OK(SetMountAttributes(clone.get(), {.read_only = true}));
    EXPECT_THAT(WriteNewFile(clone.get(), "file", "x", 0600), ErrnoIs(EROFS));
    EXPECT_OK(WriteNewFile(source.get(), "file", "content", 0600));
    EXPECT_THAT(ReadFile(clone.get(), "file", 100), IsOkAndHolds("content"));
    ASSERT_OK(SetMountAttributes(clone.get(), {}));
    EXPECT_OK(WriteNewFile(clone.get(), "other", "x", 0600));
  }
  source.reset();
  EXPECT_OK(Unmount(path_));
}

TEST_F(MountTest, CloneOfADirectoryShowsOnlyThat) {
  ASSERT_OK_AND_ASSIGN(UniqueFd source, MountImage());
  ASSERT_OK(AttachMount(source.get(), target_.get()));
  ASSERT_OK(MakeDirectory(source.get(), "volume", 0700));
  const std::string target = NewDirectory();
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd volume, OpenDirectory(source.get(), "volume"));
    ASSERT_OK_AND_ASSIGN(const UniqueFd clone, CloneTree(volume.get()));
    ASSERT_OK_AND_ASSIGN(const UniqueFd onto, OpenPath(target, O_PATH | O_DIRECTORY));
    ASSERT_OK(AttachMount(clone.get(), onto.get()));
    EXPECT_THAT(OpenBeneath(clone.get(), "..", O_PATH), ErrnoIs(EXDEV));
  }
  ASSERT_TRUE(EntryAt(target).has_value());
  EXPECT_EQ(EntryAt(target)->root, "/volume");
  source.reset();
  EXPECT_OK(Unmount(target));
  EXPECT_OK(Unmount(path_));
}

TEST_F(MountTest, FileIsMountedOnAFile) {
  // How a raw block volume is published: the device node on an empty file.
  ASSERT_OK_AND_ASSIGN(const UniqueFd directory, OpenPath(path_, O_RDONLY | O_DIRECTORY));
  ASSERT_OK(WriteNewFile(directory.get(), "volume", "", 0600));
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd node, OpenPath(loop_.Path(), O_PATH));
    ASSERT_OK_AND_ASSIGN(const UniqueFd clone, CloneTree(node.get()));
    ASSERT_OK_AND_ASSIGN(const UniqueFd onto, OpenBeneath(directory.get(), "volume", O_PATH));
    ASSERT_OK(AttachMount(clone.get(), onto.get()));
  }
  ASSERT_OK_AND_ASSIGN(const FileInfo seen, InspectPath(path_ + "/volume"));
  EXPECT_TRUE(S_ISBLK(seen.mode));
  EXPECT_EQ(LoopNumber(seen.device_number), loop_.number);
  EXPECT_OK(Unmount(path_ + "/volume"));
}

TEST_F(MountTest, UnmountOfWhatIsNotMountedIsInvalid) {
  EXPECT_THAT(Unmount(path_), ErrnoIs(EINVAL));
  EXPECT_THAT(Unmount(path_ + "/none"), ErrnoIs(ENOENT));
}

TEST_F(MountTest, UnmountOfWhatIsUsedIsBusy) {
  ASSERT_OK_AND_ASSIGN(UniqueFd tree, MountImage());
  ASSERT_OK(AttachMount(tree.get(), target_.get()));
  EXPECT_THAT(Unmount(path_), ErrnoIs(EBUSY));
  EXPECT_TRUE(EntryAt(path_).has_value());
  tree.reset();
  EXPECT_OK(Unmount(path_));
}

TEST_F(MountTest, UnmountTakesTheTopmostAndFollowsNoLink) {
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, NewMount("tmpfs", "none", false, {}, {}));
    ASSERT_OK_AND_ASSIGN(const UniqueFd onto, OpenPath(path_, O_PATH | O_DIRECTORY));
    ASSERT_OK(AttachMount(tree.get(), onto.get()));
  }
  const std::string link = NewDirectory() + "/link";
  ASSERT_EQ(::symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_THAT(Unmount(link), ErrnoIs(EINVAL));
  EXPECT_OK(Unmount(path_));
  EXPECT_TRUE(EntryAt(path_).has_value());
  EXPECT_OK(Unmount(path_));
  EXPECT_THAT(Unmount(path_), ErrnoIs(EINVAL));
}

TEST_F(MountTest, ErrorOfABadOptionCarriesTheKernelsWords) {
  EXPECT_THAT(MountImage(false, {{"nonsense", ""}}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("Unknown parameter 'nonsense'")));
  EXPECT_THAT(MountImage(false, {{"commit", "soon"}}), ErrnoIs(EINVAL));
  EXPECT_OK(MountImage(false, {{"commit", "30"}, {"discard", ""}}));
}

TEST_F(MountTest, UnknownFilesystemIsNamed) {
  EXPECT_THAT(NewMount("nonsense", loop_.Path(), false, {}, {}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("nonsense")));
  EXPECT_THAT(NewMount("xfs", loop_.Path(), false, {}, {}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("mount xfs")));
}

TEST(MountTableTest, PathIsOnTheDeepestMountAndOfSeveralAtOnePlaceOnTheLast) {
  std::vector<MountEntry> table;
  for (const char* target : {"/", "/mnt", "/mnt/disk", "/mnt", "/mnt/disk"}) {
    MountEntry& entry = table.emplace_back();
    entry.target = target;
    entry.source = std::to_string(table.size() - 1);
  }
  for (const auto& [path, source] : {std::pair("/mnt/disk/a", "4"), std::pair("/mnt/disk", "4"),
                                     std::pair("/mnt/diskette", "3"), std::pair("/m", "0")}) {
    ASSERT_NE(MountOf(table, path), nullptr) << path;
    EXPECT_EQ(MountOf(table, path)->source, source) << path;
  }
  EXPECT_EQ(MountOf({}, "/mnt"), nullptr);
}

}  // namespace
}  // namespace nodevol::host
