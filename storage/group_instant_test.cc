// SPDX-License-Identifier: Apache-2.0
//
// Group snapshots of volumes that a RoundWriter writes to. That they are frozen while they are
// copied is in test/service/freeze_test.cc.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "storage/capability.h"
#include "storage/group_test_util.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"
#include "test/support/round_writer.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::RoundWriter;

std::string NumberFile(const std::string& path, bool block) {
  return block ? path : absl::StrCat(path, "/number");
}

struct Member {
  TestKind kind;
  int pool = 0;
};

struct Case {
  std::string name;
  std::vector<FilesystemType> pools;
  std::vector<Member> members;
};

Member Image(const std::string& fs_type, int pool = 0) {
  const int64_t bytes = fs_type == "ext4" ? 32 * kMiB : 300 * kMiB;
  return {{.name = "", .backend = "image", .fs_type = fs_type, .bytes = bytes}, pool};
}

std::vector<Case> Cases() {
  constexpr FilesystemType kXfs = FilesystemType::kXfs;
  constexpr FilesystemType kBtrfs = FilesystemType::kBtrfs;
  return {
      {"ImagesOnXfs",
       {kXfs},
       {Image("ext4"), Image("ext4"), Image("ext4"), Image("ext4"), Image("ext4"), Image("xfs")}},
      {"ImagesOnBtrfs",
       {kBtrfs},
       {Image("ext4"), Image("ext4"), Image("ext4"), Image("ext4"), Image("ext4"), Image("btrfs")}},
      {"ImagesInTwoPools",
       {kXfs, kBtrfs},
       {Image("ext4", 0), Image("ext4", 1), Image("ext4", 0), Image("ext4", 1)}},
      {"ImagesAndABlockDevice", {kXfs}, {Image("ext4"), {BlockOnXfs()}, Image("ext4")}},
      {"ImagesAndADirectory", {kBtrfs}, {Image("ext4"), {DirectoryOnBtrfs()}, Image("ext4")}}};
}

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class GroupInstantTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create(GetParam().pools, 8 * kGiB));
    std::vector<UniqueFd> files;
    for (const Member& member : GetParam().members) {
      ASSERT_NO_FATAL_FAILURE(MakeUsed(member));
      ASSERT_OK_AND_ASSIGN(UniqueFd file, OpenNumber(volumes_.size() - 1));
      files.push_back(std::move(file));
    }
    writer_.emplace(std::move(files));
    ASSERT_OK(writer_->Await(2));
  }
  void TearDown() override {
    writer_.reset();
    used_.clear();
  }

  void MakeUsed(const Member& member) {
    v1::VolumeRequest request = RequestFor(member.kind, absl::StrCat("volume-", volumes_.size()));
    (*request.mutable_parameters())["pool"] = absl::StrCat("pool-", member.pool);
    ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node_->Create(request));
    ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(*node_, volume));
    volumes_.push_back(volume);
    used_.push_back(std::make_unique<UsedVolume>(std::move(used)));
  }

  absl::StatusOr<UniqueFd> OpenNumber(size_t index) {
    const bool block = IsBlock(*volumes_[index]);
    const std::string path = NumberFile(used_[index]->path(), block);
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | (block ? 0 : O_CREAT), 0600));
    if (!fd.valid()) return ErrnoStatus(errno, "open a file for numbers");
    return fd;
  }

  absl::StatusOr<int64_t> NumberIn(const SnapshotPtr& snapshot, size_t index) {
    v1::VolumeRequest request =
        RequestForCopy(GetParam().members[index].kind, "restored-" + snapshot->id(), snapshot);
    ASSIGN_OR_RETURN(const VolumePtr restored, node_->Create(request));
    int64_t number = 0;
    {
      ASSIGN_OR_RETURN(UsedVolume used, UsedVolume::Stage(*node_, restored));
      ASSIGN_OR_RETURN(number, RoundWriter::NumberIn(NumberFile(used.path(), IsBlock(*restored))));
    }
    RETURN_IF_ERROR(node_->Delete(restored));
    return number;
  }
  // What the members have, in the order of the writer.
  std::vector<int64_t> NumbersIn(const std::vector<SnapshotPtr>& snapshots) {
    std::vector<int64_t> numbers;
    for (size_t i = 0; i < snapshots.size(); ++i) {
      const absl::StatusOr<int64_t> number = NumberIn(snapshots[i], i);
      EXPECT_OK(number);
      numbers.push_back(number.ok() ? *number : -1);
    }
    return numbers;
  }
  std::vector<SnapshotPtr> InOrder(const GroupSnapshot& group) {
    std::vector<SnapshotPtr> members;
    for (const VolumePtr& volume : volumes_) members.push_back(MemberOf(group, volume));
    return members;
  }

  std::unique_ptr<TestNode> node_;
  std::vector<VolumePtr> volumes_;
  std::vector<std::unique_ptr<UsedVolume>> used_;
  std::optional<RoundWriter> writer_;
};

INSTANTIATE_TEST_SUITE_P(Cases, GroupInstantTest, ::testing::ValuesIn(Cases()),
                         [](const auto& one) { return one.param.name; });

TEST_P(GroupInstantTest, MembersAreOfOneInstant) {
  constexpr int kGroups = 4;
  std::vector<GroupSnapshot> groups;
  std::vector<int64_t> before;
  for (int i = 0; i < kGroups; ++i) {
    before.push_back(writer_->written());
    ASSERT_OK_AND_ASSIGN(GroupSnapshot group, CreateGroup(*node_, absl::StrCat("g", i), volumes_));
    groups.push_back(std::move(group));
    ASSERT_OK(writer_->Await(2));
  }
  ASSERT_OK(writer_->Stop());
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::vector<int64_t> numbers = NumbersIn(InOrder(groups[i]));
    EXPECT_TRUE(RoundWriter::OfOneInstant(numbers)) << ::testing::PrintToString(numbers);
    EXPECT_GE(numbers.back(), before[i]);
  }
}

// The test above can fail.
TEST_P(GroupInstantTest, SnapshotsTakenOneByOneAreOfSeveral) {
  std::vector<SnapshotPtr> snapshots;
  for (const VolumePtr& volume : volumes_) {
    ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node_->Snapshot(volume->id(), volume));
    snapshots.push_back(snapshot);
    ASSERT_OK(writer_->Await(2));
  }
  ASSERT_OK(writer_->Stop());
  EXPECT_FALSE(RoundWriter::OfOneInstant(NumbersIn(snapshots)));
}

}  // namespace
}  // namespace nodevol::storage
