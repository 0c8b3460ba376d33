// SPDX-License-Identifier: Apache-2.0
//
// Inline volumes as the storage keeps them.
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"

#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
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
  absl::Status Publish(const v1::EphemeralVolume& owner, const absl::Status& mounted = {}) {
    absl::StatusOr<KeyedMutex::Lock> lock = node().storage().LockInlineVolume(kId);
    if (!lock.ok()) return lock.status();
    absl::Status answer;
    absl::Notification answered;
    node().storage().PublishInlineVolume(
        *std::move(lock), owner, RequestFor(kind(), kId),
        [mounted](LocalVolume&) { return mounted; },
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

}  // namespace
}  // namespace nodevol::storage
