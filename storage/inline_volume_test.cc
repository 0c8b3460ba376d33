// SPDX-License-Identifier: Apache-2.0
//
// Inline volumes as the storage keeps them.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kId[] = "csi-0";

class InlineVolumeTest : public KindTest {
 protected:
  static v1::EphemeralVolume Owner(const std::string& target = "/pod/mount") {
    v1::EphemeralVolume owner;
    owner.set_volume_id(kId);
    owner.set_target_path(target);
    return owner;
  }
  absl::Status PublishIn(const std::string& pool) {
    v1::VolumeRequest request = RequestFor(kind(), kId);
    (*request.mutable_parameters())["pool"] = pool;
    return Publish(Owner(), absl::OkStatus(), request);
  }
  absl::Status Publish(const v1::EphemeralVolume& owner, const absl::Status& mounted = {}) {
    return Publish(owner, mounted, RequestFor(kind(), kId));
  }
  absl::Status Publish(const v1::EphemeralVolume& owner, const absl::Status& mounted,
                       const v1::VolumeRequest& request) {
    absl::StatusOr<KeyedMutex::Lock> lock = node().storage().LockInlineVolume(kId);
    if (!lock.ok()) return lock.status();
    absl::Status answer;
    absl::Notification answered;
    node().storage().PublishInlineVolume(
        *std::move(lock), owner, request, [mounted](LocalVolume&) { return mounted; },
        [&](absl::Status status) {
          answer = std::move(status);
          answered.Notify();
        });
    answered.WaitForNotification();
    return answer;
  }
};
INSTANTIATE_TEST_SUITE_P(, InlineVolumeTest, ::testing::ValuesIn(MountedKinds()), KindName);

TEST_P(InlineVolumeTest, IsRecordedWithItsOwner) {
  ASSERT_OK(Publish(Owner()));
  ASSERT_OK(node().Reopen());
  ASSERT_OK_AND_ASSIGN(const VolumePtr found, node().storage().FindInlineVolume(kId));
  EXPECT_EQ(found->ephemeral().volume_id(), kId);
  EXPECT_EQ(found->ephemeral().target_path(), "/pod/mount");
  EXPECT_THAT(node().storage().InlineVolumes(), ::testing::ElementsAre(found));
  EXPECT_THAT(node().storage().FindInlineVolume("csi-1"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(InlineVolumeTest, IsDeletedAgainWhenItCantBeMounted) {
  EXPECT_THAT(Publish(Owner(), absl::FailedPreconditionError("occupied")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(node().Entries("volumes"), IsEmpty());
  EXPECT_TRUE(node().TrashEmpties());
  EXPECT_EQ(node().Statistics().promised_bytes, 0);
}

TEST_P(InlineVolumeTest, OneThatWasThereStaysWhenItCantBeMounted) {
  ASSERT_OK(Publish(Owner()));
  EXPECT_FALSE(Publish(Owner(), absl::FailedPreconditionError("occupied")).ok());
  EXPECT_THAT(node().Entries("volumes"), SizeIs(1));
  EXPECT_THAT(Publish(Owner("/another/mount")), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(InlineVolumeTest, IsNoSourceOfCopies) {
  ASSERT_OK(Publish(Owner()));
  ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node().storage().FindInlineVolume(kId));
  EXPECT_THAT(node().Snapshot("snapshot", volume), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(node().Create(RequestForCopy(kind(), "clone", volume)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(node().Delete(volume), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(node().Expand(volume, 2 * volume->size_bytes()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(node().storage().ListVolumes({}).entries, IsEmpty());
}

TEST_P(InlineVolumeTest, CountsInThePool) {
  const int64_t available = node().Available();
  ASSERT_OK(Publish(Owner()));
  // btrfs takes and gives back a little for itself.
  EXPECT_LE(node().Available(), available - kind().bytes + kMiB);
  EXPECT_EQ(node().Statistics().volumes, 1U);
}

// A node was rebooted, its pods are started again, and one of its disks comes late.
TEST_P(InlineVolumeTest, IsNotMadeAgainInAnotherPoolWhileItsOwnIsNotOpen) {
  ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({DiskFor(kind()), DiskFor(kind())}));
  ASSERT_OK(Publish(Owner()));
  const size_t home = node().Entries("volumes", 0).empty() ? 1 : 0;
  const size_t other = 1 - home;
  node().Close();
  ASSERT_OK(node().disk(home).Unmount());
  ASSERT_OK(node().Open());
  EXPECT_THAT(Publish(Owner()), StatusIs(absl::StatusCode::kUnavailable,
                                         AllOf(HasSubstr(kId), HasSubstr("exists is not known"),
                                               HasSubstr(absl::StrCat("pool-", home)))));
  EXPECT_THAT(node().Entries("volumes", other), IsEmpty());
  ASSERT_OK(node().disk(home).Mount());
  ASSERT_TRUE(Eventually([&] { return node().storage().CheckReady().ok(); }));
  EXPECT_OK(Publish(Owner()));
  EXPECT_THAT(node().Entries("volumes", home), SizeIs(1));
  EXPECT_THAT(node().Entries("volumes", other), IsEmpty());
}

TEST_P(InlineVolumeTest, IsMadeInThePoolItNamesWhateverBecomesOfOthers) {
  ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({DiskFor(kind()), DiskFor(kind())}));
  node().Close();
  ASSERT_OK(node().disk(0).Unmount());
  ASSERT_OK(node().Open());
  EXPECT_THAT(PublishIn("pool-0"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_OK(PublishIn("pool-1"));
  ASSERT_OK(node().disk(0).Mount());
}

}  // namespace
}  // namespace nodevol::storage
