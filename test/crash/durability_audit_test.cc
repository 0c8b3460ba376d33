// SPDX-License-Identifier: Apache-2.0
#include "test/crash/durability_audit.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nodevol::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPool[] = "/mnt/pool";

constexpr char kRecord[] =
    "10 openat2(7</mnt/pool/.nodevol/staging/a>, \"record\", {flags=O_WRONLY|O_CREAT|O_EXCL, "
    "mode=0600}, 24) = 20</mnt/pool/.nodevol/staging/a/record>\n"
    "10 write(20</mnt/pool/.nodevol/staging/a/record>, \"\"..., 5) = 5\n";
constexpr char kSyncRecord[] = "10 fsync(20</mnt/pool/.nodevol/staging/a/record>) = 0\n";
constexpr char kSyncObject[] = "10 fsync(7</mnt/pool/.nodevol/staging/a>) = 0\n";
constexpr char kRename[] =
    "10 renameat2(6</mnt/pool/.nodevol/staging>, \"a\", 5</mnt/pool/volumes>, \"v\", "
    "RENAME_NOREPLACE) = 0\n";
constexpr char kSyncVolumes[] = "10 fsync(5</mnt/pool/volumes>) = 0\n";
constexpr char kSyncStaging[] = "10 fsync(6</mnt/pool/.nodevol/staging>) = 0\n";

std::vector<std::string> Audit(const std::string& trace) { return AuditDurability(trace, kPool); }

TEST(DurabilityAuditTest, CompleteCommitHasNoFault) {
  EXPECT_THAT(Audit(std::string(kRecord) + kSyncRecord + kSyncObject + kRename + kSyncVolumes +
                    kSyncStaging),
              IsEmpty());
}

TEST(DurabilityAuditTest, EachMissingSyncIsAFault) {
  EXPECT_THAT(
      Audit(std::string(kRecord) + kSyncObject + kRename + kSyncVolumes + kSyncStaging),
      ElementsAre(HasSubstr("record was moved"), HasSubstr("volumes/v/record was changed")));
  EXPECT_THAT(Audit(std::string(kRecord) + kSyncRecord + kRename + kSyncVolumes + kSyncStaging),
              ElementsAre(HasSubstr("staging/a was moved"), HasSubstr("volumes/v was changed")));
  EXPECT_THAT(Audit(std::string(kRecord) + kSyncRecord + kSyncObject + kRename + kSyncStaging),
              ElementsAre(HasSubstr("/mnt/pool/volumes was changed")));
  EXPECT_THAT(Audit(std::string(kRecord) + kSyncRecord + kSyncObject + kRename + kSyncVolumes),
              ElementsAre(HasSubstr("staging was changed")));
}

TEST(DurabilityAuditTest, SyncAfterTheRenameDoesNotExcuse) {
  EXPECT_THAT(Audit(std::string(kRecord) + kSyncObject + kRename +
                    "10 fsync(20</mnt/pool/volumes/v/record>) = 0\n" + kSyncVolumes + kSyncStaging),
              ElementsAre(HasSubstr("record was moved")));
}

TEST(DurabilityAuditTest, InjectedAndFailedSyncsDoNotCount) {
  EXPECT_THAT(Audit("1 write(3</mnt/pool/f>, \"\"..., 1) = 1\n"
                    "1 fsync(3</mnt/pool/f>) = 0 (INJECTED)\n"),
              ElementsAre(HasSubstr("/mnt/pool/f")));
  EXPECT_THAT(Audit("1 write(3</mnt/pool/f>, \"\"..., 1) = 1\n"
                    "1 fsync(3</mnt/pool/f>) = -1 EIO (Input/output error)\n"),
              ElementsAre(HasSubstr("/mnt/pool/f")));
}

TEST(DurabilityAuditTest, CallsInTwoLinesAreJoined) {
  EXPECT_THAT(Audit("1 write(3</mnt/pool/f>, \"\"..., 1) = 1\n"
                    "1 fsync(3</mnt/pool/f> <unfinished ...>\n"
                    "2 write(4</elsewhere>, \"\"..., 1) = 1\n"
                    "1 <... fsync resumed>) = 0\n"),
              IsEmpty());
}

TEST(DurabilityAuditTest, OtherFilesystemsAndTheTrashDoNotCount) {
  EXPECT_THAT(Audit("1 write(3</var/log/x>, \"\"..., 1) = 1\n"
                    "1 unlinkat(9</mnt/pool/.nodevol/trash/v.1>, \"record\", 0) = 0\n"),
              IsEmpty());
}

TEST(DurabilityAuditTest, CommitOfBtrfsCoversEverything) {
  EXPECT_THAT(Audit("1 ioctl(3</mnt/pool/.nodevol/staging/a>, BTRFS_IOC_QGROUP_LIMIT, {}) = 0\n"
                    "1 ioctl(3</mnt/pool/.nodevol/staging/a>, BTRFS_IOC_WAIT_SYNC, [9]) = 0\n"),
              IsEmpty());
  EXPECT_THAT(Audit("1 ioctl(3</mnt/pool/.nodevol/staging/a>, BTRFS_IOC_QGROUP_LIMIT, {}) = 0\n"),
              ElementsAre(HasSubstr("staging/a")));
}

}  // namespace
}  // namespace nodevol::testing
