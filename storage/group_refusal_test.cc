// SPDX-License-Identifier: Apache-2.0
//
// Group snapshots that are refused, or fail: then nothing of them is left.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "host/file.h"
#include "storage/group_test_util.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Two pools with a volume in each; the pool with the record of their group is `home_`.
class GroupRefusalTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(Make(Ext4OnXfs())); }

  void Make(const TestKind& kind) {
    kind_ = kind;
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({kind.pool, kind.pool}));
    volumes_.clear();
    for (const std::string pool : {"pool-0", "pool-1"}) {
      v1::VolumeRequest request = RequestFor(kind, "in-" + pool);
      (*request.mutable_parameters())["pool"] = pool;
      ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node_->Create(request));
      volumes_.push_back(volume);
    }
    home_ = node_->PoolUuid(0) < node_->PoolUuid(1) ? 0 : 1;
  }

  template <typename Matcher>
  void ExpectFailure(const v1::GroupSnapshotRequest& request, const Matcher& status) {
    EXPECT_THAT(CreateGroup(*node_, request), status);
    ExpectNoGroup(*node_, volumes_, 2);
  }

  // What root can't change.
  void SetImmutable(const std::string& directory, size_t pool, bool immutable) {
    ASSERT_OK_AND_ASSIGN(
        const UniqueFd fd,
        host::OpenPath(node_->disk(pool).path() + "/" + directory, O_RDONLY | O_DIRECTORY));
    int flags = 0;
    ASSERT_EQ(::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags), 0);
    flags = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    ASSERT_EQ(::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags), 0);
  }

  TestKind kind_;
  std::unique_ptr<TestNode> node_;
  std::vector<VolumePtr> volumes_;
  size_t home_ = 0;
};

TEST_F(GroupRefusalTest, ListOfVolumesIsChecked) {
  v1::GroupSnapshotRequest request = GroupRequest("g", {});
  ExpectFailure(request, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("required")));
  request = GroupRequest("g", {volumes_[0], volumes_[1], volumes_[0]});
  ExpectFailure(request, StatusIs(absl::StatusCode::kInvalidArgument,
                                  HasSubstr(absl::StrCat(volumes_[0]->id(), " twice"))));
  request = GroupRequest("g", {});
  for (int i = 0; i < 129; ++i) {
    request.add_source_volume_ids(
        VolumeId::ForName(node_->PoolUuid(), absl::StrCat("volume-", i)).text());
  }
  ExpectFailure(request, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 128")));
}

TEST_F(GroupRefusalTest, UnknownVolumeIsNotFoundWhateverElseIs) {
  v1::GroupSnapshotRequest request = GroupRequest("g", volumes_);
  const std::string unknown = VolumeId::ForName(node_->PoolUuid(), "nobody").text();
  request.add_source_volume_ids(unknown);
  EXPECT_OK(node_->OnVolume(volumes_[0], [&](LocalVolume&) {
    ExpectFailure(request, StatusIs(absl::StatusCode::kNotFound, HasSubstr(unknown)));
    return absl::OkStatus();
  }));
  request.set_source_volume_ids(2, "pvc-1");
  ExpectFailure(request, StatusIs(absl::StatusCode::kNotFound, HasSubstr("\"pvc-1\"")));
}

TEST_F(GroupRefusalTest, ParametersAreNone) {
  v1::GroupSnapshotRequest request = GroupRequest("g", volumes_);
  (*request.mutable_parameters())["speed"] = "high";
  ExpectFailure(request, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"speed\"")));
}

TEST_F(GroupRefusalTest, NameIsOneGroups) {
  v1::GroupSnapshotRequest request = GroupRequest("g", volumes_);
  (*request.mutable_parameters())["csi.storage.k8s.io/volumegroupsnapshot/name"] = "x";
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(*node_, request));
  EXPECT_OK(CreateGroup(*node_, request));
  for (const VolumePtr& one : volumes_) {
    EXPECT_THAT(CreateGroup(*node_, "g", {one}),
                StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("set of volumes")));
  }
  EXPECT_THAT(CreateGroup(*node_, "g", volumes_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("set of parameters")));
  EXPECT_EQ(ListedSnapshots(*node_).size(), 2U);
}

TEST_F(GroupRefusalTest, BusyVolumeIsAborted) {
  for (const VolumePtr& busy : volumes_) {
    EXPECT_OK(node_->OnVolume(busy, [&](LocalVolume&) {
      ExpectFailure(GroupRequest("g", volumes_),
                    StatusIs(absl::StatusCode::kAborted, HasSubstr(busy->id())));
      return absl::OkStatus();
    }));
  }
  EXPECT_OK(CreateGroup(*node_, "g", volumes_));
}

TEST_F(GroupRefusalTest, MemberThatIsBeingCopiedKeepsTheGroup) {
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(*node_, "g", volumes_));
  absl::Notification copying;
  absl::Notification go_on;
  v1::VolumeRequest request = RequestForCopy(kind_, "copy", group.members[1]);
  // Asked when the work begins, which is after the locks are taken.
  const OperationContext slow = {.abandoned = [&] {
    if (!copying.HasBeenNotified()) copying.Notify();
    go_on.WaitForNotification();
    return false;
  }};
  absl::Notification copied;
  node_->storage().CreateVolume(slow, request, [&](const absl::StatusOr<VolumePtr>& volume) {
    EXPECT_OK(volume);
    copied.Notify();
  });
  copying.WaitForNotification();
  EXPECT_THAT(DeleteGroup(*node_, group), StatusIs(absl::StatusCode::kAborted));
  EXPECT_OK(GetGroup(*node_, group));
  go_on.Notify();
  copied.WaitForNotification();
  EXPECT_OK(DeleteGroup(*node_, group));
}

TEST_F(GroupRefusalTest, CallerThatIsGoneGetsNothing) {
  const OperationContext gone = {.abandoned = [] { return true; }};
  EXPECT_THAT(CreateGroup(*node_, GroupRequest("g", volumes_), gone),
              StatusIs(absl::StatusCode::kCancelled));
  ExpectNoGroup(*node_, volumes_, 2);
}

TEST_F(GroupRefusalTest, FullPoolOfOneMemberLeavesNothingInTheOther) {
  for (size_t pool = 0; pool < 2; ++pool) {
    std::vector<VolumePtr> all = volumes_;
    {
      constexpr int64_t kData = 8 * kMiB;
      ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(*node_, volumes_[pool]));
      int error = 0;
      ASSERT_EQ(used.Fill("data", kData, error), kData);
      ASSERT_OK(used.Release());
    }
    v1::VolumeRequest rest = RequestFor(kind_, "rest");
    (*rest.mutable_parameters())["pool"] = absl::StrCat("pool-", pool);
    rest.mutable_capacity_range()->set_required_bytes(node_->Available(pool) / kMiB * kMiB);
    ASSERT_OK_AND_ASSIGN(const VolumePtr filler, node_->Create(rest));
    all.push_back(filler);
    EXPECT_THAT(CreateGroup(*node_, "g", volumes_),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         AllOf(HasSubstr(volumes_[pool]->id()),
                               HasSubstr(absl::StrCat("pool-", pool, "\" has no room")))));
    ExpectNoGroup(*node_, all, 2);
    ASSERT_OK(node_->Delete(filler));
  }
  EXPECT_OK(CreateGroup(*node_, "g", volumes_));
}

TEST_F(GroupRefusalTest, GroupWhoseRecordCanNotBeWrittenLeavesNothing) {
  SetImmutable("groups", home_, true);
  ExpectFailure(GroupRequest("g", volumes_), StatusIs(absl::StatusCode::kInternal));
  SetImmutable("groups", home_, false);
  EXPECT_OK(CreateGroup(*node_, "g", volumes_));
}

TEST_F(GroupRefusalTest, MemberThatCanNotBeCommittedLeavesNoOther) {
  for (size_t pool = 0; pool < 2; ++pool) {
    SetImmutable("snapshots", pool, true);
    ExpectFailure(GroupRequest("g", volumes_),
                  StatusIs(absl::StatusCode::kInternal, HasSubstr(volumes_[pool]->id())));
    SetImmutable("snapshots", pool, false);
  }
  EXPECT_OK(CreateGroup(*node_, "g", volumes_));
}

TEST_F(GroupRefusalTest, SeveralVolumesInUseThatCanNotBeFrozenAreNoOneInstant) {
  ASSERT_NO_FATAL_FAILURE(Make(BlockOnXfs()));
  ASSERT_OK_AND_ASSIGN(std::optional<UsedVolume> first, UsedVolume::Stage(*node_, volumes_[0]));
  ASSERT_OK_AND_ASSIGN(const UsedVolume second, UsedVolume::Stage(*node_, volumes_[1]));
  ExpectFailure(GroupRequest("g", volumes_),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr(volumes_[0]->id()), HasSubstr(volumes_[1]->id()),
                               HasSubstr("stop the pods"))));
  ASSERT_OK(first->Release());
  EXPECT_OK(CreateGroup(*node_, "g", volumes_));
}

TEST_F(GroupRefusalTest, VolumeInUseThatCanNotBeCopiedIsRefused) {
  ASSERT_NO_FATAL_FAILURE(Make(Ext4OnExt4()));
  {
    ASSERT_OK_AND_ASSIGN(const UsedVolume used, UsedVolume::Stage(*node_, volumes_[1]));
    ExpectFailure(GroupRequest("g", volumes_),
                  StatusIs(absl::StatusCode::kFailedPrecondition,
                           AllOf(HasSubstr(volumes_[1]->id()), HasSubstr("no point in time"),
                                 Not(HasSubstr(volumes_[0]->id())))));
  }
  EXPECT_OK(CreateGroup(*node_, "g", volumes_));
}

TEST_F(GroupRefusalTest, VolumeThatSomebodyElseHasFrozenIsLeftSo) {
  ASSERT_OK_AND_ASSIGN(const UsedVolume first, UsedVolume::Stage(*node_, volumes_[0]));
  ASSERT_OK_AND_ASSIGN(const UsedVolume second, UsedVolume::Stage(*node_, volumes_[1]));
  ASSERT_OK_AND_ASSIGN(const UniqueFd root, host::OpenPath(second.path(), O_RDONLY | O_DIRECTORY));
  ASSERT_OK(host::Freeze(root.get()));
  EXPECT_THAT(CreateGroup(*node_, "g", volumes_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(volumes_[1]->id()), HasSubstr("frozen already"))));
  EXPECT_OK(first.Write("not frozen any more"));
  EXPECT_THAT(host::Thaw(root.get()), nodevol::testing::IsOkAndHolds(true));
  ExpectNoGroup(*node_, volumes_, 2);
  EXPECT_OK(CreateGroup(*node_, "g", volumes_));
}

}  // namespace
}  // namespace nodevol::storage
