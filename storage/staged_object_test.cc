// SPDX-License-Identifier: Apache-2.0
#include "storage/staged_object.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/clock.h"

#include "base/bytes.h"
#include "host/file.h"
#include "host/mount.h"
#include "storage/storage_test_util.h"
#include "storage/trash.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using nodevol::testing::TestFilesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A pool without an engine: nothing works on it in the background.
class StagedObjectTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(TestFilesystem made,
                         TestFilesystem::Create({.type = GetParam(), .bytes = 512 * kMiB}));
    disk_.emplace(std::move(made));
    ASSERT_OK_AND_ASSIGN(pool_, Pool::Open({.name = "p", .path = disk_->path(), .create = true}));
  }
  void TearDown() override { pool_.reset(); }

  absl::Status MakeObject(const std::string& name, const std::string& content) {
    absl::StatusOr<StagedObject> staged = StagedObject::Create(*pool_);
    if (!staged.ok()) return staged.status();
    absl::Status made = host::WriteNewFile(staged->directory(), "record", content, 0600);
    if (made.ok()) made = staged->Commit(pool_->volumes(), name);
    return made;
  }
  absl::StatusOr<std::string> ReadObject(const std::string& name) {
    const auto object = host::OpenDirectory(pool_->volumes(), name);
    if (!object.ok()) return object.status();
    return host::ReadFile(object->get(), "record", 100);
  }

  std::optional<TestFilesystem> disk_;
  std::unique_ptr<Pool> pool_;
};

INSTANTIATE_TEST_SUITE_P(Filesystems, StagedObjectTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs,
                                           FilesystemType::kBtrfs),
                         PoolFilesystemName);

TEST_P(StagedObjectTest, ObjectAppearsWholeUnderItsName) {
  ASSERT_OK(MakeObject("a", "content"));
  EXPECT_THAT(ReadObject("a"), IsOkAndHolds("content"));
  EXPECT_THAT(host::ListDirectory(pool_->staging()), IsOkAndHolds(IsEmpty()));
}

TEST_P(StagedObjectTest, WhatIsNotCommittedIsRemoved) {
  {
    ASSERT_OK_AND_ASSIGN(StagedObject staged, StagedObject::Create(*pool_));
    ASSERT_OK(host::WriteNewFile(staged.directory(), "record", "content", 0600));
    const StagedObject moved = std::move(staged);
    EXPECT_THAT(host::ListDirectory(pool_->staging()), IsOkAndHolds(SizeIs(1)));
  }
  EXPECT_THAT(host::ListDirectory(pool_->staging()), IsOkAndHolds(IsEmpty()));
}

TEST_P(StagedObjectTest, ObjectThatExistsIsNeverReplaced) {
  ASSERT_OK(MakeObject("a", "first"));
  EXPECT_THAT(MakeObject("a", "second"), ErrnoIs(EEXIST));
  EXPECT_THAT(ReadObject("a"), IsOkAndHolds("first"));
  EXPECT_THAT(host::ListDirectory(pool_->staging()), IsOkAndHolds(IsEmpty()));
  EXPECT_OK(pool_->fault());
}

TEST_P(StagedObjectTest, TrashTakesOneNameManyTimes) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(MakeObject("a", "content"));
    EXPECT_OK(MoveToTrash(*pool_, pool_->volumes(), TrashName::ForObject("a")));
    EXPECT_THAT(ReadObject("a"), ErrnoIs(ENOENT));
  }
  EXPECT_THAT(host::ListDirectory(pool_->trash()), IsOkAndHolds(SizeIs(3)));
  EXPECT_OK(EmptyTrash(*pool_, absl::Now()));
  EXPECT_THAT(host::ListDirectory(pool_->trash()), IsOkAndHolds(IsEmpty()));
  EXPECT_OK(EmptyTrash(*pool_, absl::Now()));
}

TEST_P(StagedObjectTest, ObjectThatIsNotThereIsNotMoved) {
  EXPECT_THAT(MoveToTrash(*pool_, pool_->volumes(), TrashName::ForObject("a")), ErrnoIs(ENOENT));
  EXPECT_OK(pool_->fault());
}

TEST_P(StagedObjectTest, WhatCanNotBeRemovedKeepsNothingElse) {
  ASSERT_OK(MakeObject("mounted", "content"));
  ASSERT_OK(MakeObject("other", "content"));
  ASSERT_OK(MoveToTrash(*pool_, pool_->volumes(), TrashName::ForObject("mounted")));
  ASSERT_OK(MoveToTrash(*pool_, pool_->volumes(), TrashName::ForObject("other")));
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, host::ListDirectory(pool_->trash()));
  const std::string busy = *std::find_if(names.begin(), names.end(), [](const std::string& name) {
    return name.starts_with("mounted");
  });
  const std::string path = disk_->path() + "/.nodevol/trash/" + busy;
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, host::NewMount("tmpfs", "none", false, {}, {}));
    ASSERT_OK_AND_ASSIGN(const UniqueFd target, host::OpenPath(path, O_PATH | O_DIRECTORY));
    ASSERT_OK(host::AttachMount(tree.get(), target.get()));
  }
  EXPECT_FALSE(EmptyTrash(*pool_, absl::Now()).ok());
  EXPECT_THAT(host::ListDirectory(pool_->trash()), IsOkAndHolds(ElementsAre(busy)));
  ASSERT_OK(host::Unmount(path));
  EXPECT_OK(EmptyTrash(*pool_, absl::Now()));
  EXPECT_THAT(host::ListDirectory(pool_->trash()), IsOkAndHolds(IsEmpty()));
}

TEST_P(StagedObjectTest, SyncThatFailsFaultsThePool) {
  if (GetParam() == FilesystemType::kBtrfs) return;  // it can't be stopped so
  ASSERT_OK_AND_ASSIGN(StagedObject staged, StagedObject::Create(*pool_));
  ASSERT_OK(disk_->CutPower());
  EXPECT_FALSE(pool_->SyncOrFault(pool_->staging()).ok());
  EXPECT_THAT(pool_->fault(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(pool_->Check(), StatusIs(absl::StatusCode::kUnavailable));
  // Not even a sync that would succeed is believed now.
  EXPECT_THAT(pool_->SyncOrFault(pool_->volumes()), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace nodevol::storage
