// SPDX-License-Identifier: Apache-2.0
//
// What is planted in a pool is found, and nothing is that is not there.
#include "storage/pool_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/sha256.h"
#include "host/btrfs_quota.h"
#include "host/file.h"
#include "host/project_id.h"
#include "host/project_quota.h"
#include "storage/group_test_util.h"
#include "storage/layout.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Severity = PoolFinding::Severity;

auto Finds(Severity severity, const std::string& path, const std::string& what) {
  return AllOf(Field("severity", &PoolFinding::severity, severity),
               Field("path", &PoolFinding::path, path),
               Field("what", &PoolFinding::what, HasSubstr(what)));
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Overwrite(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::trunc) << content;
}

// Every name in the pool, with what tells whether it was touched.
std::map<std::string, std::string> PictureOf(const std::string& path) {
  std::map<std::string, std::string> picture;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    struct stat info = {};
    EXPECT_EQ(::lstat(entry.path().c_str(), &info), 0);
    picture[entry.path()] =
        absl::StrCat(info.st_mode, " ", info.st_size, " ", info.st_mtim.tv_sec, ".",
                     info.st_mtim.tv_nsec, " ", info.st_ctim.tv_sec, ".", info.st_ctim.tv_nsec,
                     entry.path().filename() == kRecordFile ? Slurp(entry.path()) : "");
  }
  return picture;
}

class PoolCheckTest : public KindTest {
 protected:
  void SetUp() override {
    KindTest::SetUp();
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "a")));
    ASSERT_OK(WriteContent(node(), volume_, "content"));
    ASSERT_OK_AND_ASSIGN(snapshot_, node().Snapshot("s", volume_));
    v1::VolumeRequest kept = RequestFor(kind(), "kept");
    (*kept.mutable_parameters())["undeleteWindow"] = "1h";
    ASSERT_OK_AND_ASSIGN(const VolumePtr deleted, node().Create(kept));
    ASSERT_OK(node().Delete(deleted));
    object_ = absl::StrCat("volumes/", volume_->id());
  }

  [[nodiscard]] std::string Root() { return node().disk().path(); }
  [[nodiscard]] std::string InPool(const std::string& path) { return Root() + "/" + path; }
  PoolCheck Check() {
    absl::StatusOr<PoolCheck> check = CheckPool(Root());
    EXPECT_OK(check);
    return check.ok() ? *std::move(check) : PoolCheck();
  }
  std::string ImagePath(const std::string& object) {
    const bool btrfs = kind().pool == host::FilesystemType::kBtrfs;
    return InPool(object + (btrfs ? "/subvol/image" : "/image"));
  }
  // Damage is what exit codes and alerts hang on.
  void ExpectDamage(const std::string& path, const std::string& what) {
    const PoolCheck check = Check();
    EXPECT_TRUE(check.Damaged());
    EXPECT_THAT(check.findings, Contains(Finds(Severity::kDamage, path, what)));
  }
  void ExpectWarning(const std::string& path, const std::string& what) {
    const PoolCheck check = Check();
    EXPECT_FALSE(check.Damaged());
    EXPECT_THAT(check.findings, ElementsAre(Finds(Severity::kWarning, path, what)));
  }

  VolumePtr volume_;
  SnapshotPtr snapshot_;
  std::string object_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, PoolCheckTest, ::testing::ValuesIn(AllKinds()), KindName);

TEST_P(PoolCheckTest, WholePoolIsWholeWithAndWithoutADriverAndUntouched) {
  const PoolCheck owned = Check();
  EXPECT_THAT(owned.findings, IsEmpty());
  EXPECT_EQ(owned.owner, absl::StrCat("pid ", ::getpid()));
  node().Close();
  const std::map<std::string, std::string> before = PictureOf(Root());
  const PoolCheck check = Check();
  EXPECT_EQ(PictureOf(Root()), before);
  EXPECT_THAT(check.findings, IsEmpty());
  EXPECT_EQ(check.owner, "");
  EXPECT_EQ(check.volumes, 1);
  EXPECT_EQ(check.snapshots, 1);
  EXPECT_EQ(check.deleted_volumes, 1);
  EXPECT_EQ(check.staging_entries, 0);
  EXPECT_EQ(check.volume_bytes, volume_->size_bytes());
  EXPECT_EQ(check.snapshot_bytes, snapshot_->pinned_bytes());
  EXPECT_EQ(check.deleted_bytes, kind().bytes);
  EXPECT_GT(check.written_bytes, 0);
  EXPECT_EQ(check.filesystem, host::FilesystemName(kind().pool));
  ASSERT_OK(node().Open());
  EXPECT_EQ(check.uuid, node().PoolUuid());
}

// A driver that is at work meanwhile is not disturbed, and nothing is invented.
TEST_P(PoolCheckTest, VolumeInUseIsLookedAtWithoutHarm) {
  ASSERT_OK_AND_ASSIGN(UsedVolume used, UsedVolume::Stage(node(), volume_));
  EXPECT_THAT(Check().findings, IsEmpty());
  EXPECT_OK(used.Write("more"));
  EXPECT_OK(used.Release());
}

TEST_P(PoolCheckTest, FlippedByteInARecord) {
  for (const std::string& object :
       {object_, absl::StrCat("snapshots/", snapshot_->id()),
        absl::StrCat(".nodevol/trash/", node().Entries(".nodevol/trash").front())}) {
    const std::string record = InPool(object + "/record");
    const std::string good = Slurp(record);
    std::string bad = good;
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    Overwrite(record, bad);
    ExpectDamage(object + "/record", "the checksum does not match");
    Overwrite(record, good);
    EXPECT_THAT(Check().findings, IsEmpty());
  }
}

TEST_P(PoolCheckTest, MissingRecord) {
  ASSERT_EQ(::unlink(InPool(object_ + "/record").c_str()), 0);
  ExpectDamage(object_ + "/record", "is missing");
}

TEST_P(PoolCheckTest, RecordOfAnotherObject) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr other, node().Create(RequestFor(kind(), "b")));
  std::filesystem::copy_file(InPool(absl::StrCat("volumes/", other->id(), "/record")),
                             InPool(object_ + "/record"),
                             std::filesystem::copy_options::overwrite_existing);
  ExpectDamage(object_ + "/record", absl::StrCat("is the record of ", other->id()));
}

TEST_P(PoolCheckTest, MissingContent) {
  node().Close();
  if (kind().backend == "directory") {
    std::error_code error;
    std::filesystem::remove_all(InPool(object_ + "/data"), error);
    ASSERT_FALSE(error) << error.message();
    ExpectDamage(object_ + "/data", "is missing");
  } else {
    ASSERT_EQ(::unlink(ImagePath(object_).c_str()), 0);
    ExpectDamage(object_ + "/image", "is missing");
  }
}

TEST_P(PoolCheckTest, ForeignEntries) {
  for (const std::string& place : {std::string("photos"), std::string("volumes/notes"),
                                   std::string(".nodevol/extra"), object_ + "/backup"}) {
    Overwrite(InPool(place), "foreign");
    ExpectWarning(place, "is not the driver's");
    ASSERT_EQ(::unlink(InPool(place).c_str()), 0);
  }
}

TEST_P(PoolCheckTest, ObjectOfAnotherPool) {
  const std::string elsewhere =
      absl::StrCat("volumes/", VolumeId::ForName(std::string(32, 'f'), "x").text());
  ASSERT_EQ(::mkdir(InPool(elsewhere).c_str(), 0700), 0);
  ExpectDamage(elsewhere, "is of pool ffffffff");
}

TEST_P(PoolCheckTest, WhatWasNeverFinished) {
  node().Close();
  ASSERT_EQ(::mkdir(InPool(".nodevol/staging/abc").c_str(), 0700), 0);
  EXPECT_EQ(Check().staging_entries, 1);
  ExpectWarning(".nodevol/staging/abc", "was never finished");
  ASSERT_EQ(::rmdir(InPool(".nodevol/staging/abc").c_str()), 0);
  Overwrite(InPool(object_ + "/record.tmp"), "half a rec");
  EXPECT_THAT(Check().findings,
              ElementsAre(Finds(Severity::kNote, object_ + "/record.tmp", "it is garbage")));
}

TEST_P(PoolCheckTest, OwnersStagingIsBeingBuilt) {
  ASSERT_EQ(::mkdir(InPool(".nodevol/staging/abc").c_str(), 0700), 0);
  EXPECT_THAT(Check().findings,
              ElementsAre(Finds(Severity::kNote, ".nodevol/staging/abc", "is being built")));
}

TEST_P(PoolCheckTest, ObjectThatOthersCanEnter) {
  ASSERT_EQ(::chmod(InPool(object_).c_str(), 0755), 0);
  ExpectWarning(object_, "chmod 0700");
}

TEST_P(PoolCheckTest, GroupWithoutItsRecordOrAMember) {
  ASSERT_OK_AND_ASSIGN(const VolumePtr other, node().Create(RequestFor(kind(), "other")));
  ASSERT_OK_AND_ASSIGN(const GroupSnapshot group, CreateGroup(node(), "g", {volume_, other}));
  EXPECT_THAT(Check().findings, IsEmpty());
  const std::string path = "groups/" + group.group->id();
  const std::string member = group.members[0]->id();
  std::filesystem::rename(InPool("snapshots/" + member), InPool("member"));
  ExpectDamage(path, "its member " + member + " is missing");
  std::filesystem::rename(InPool("member"), InPool("snapshots/" + member));
  std::filesystem::rename(InPool(path + "/record"), InPool("record"));
  ExpectDamage(path + "/record", "is missing");
  std::filesystem::rename(InPool("record"), InPool(path + "/record"));
}

class ImageCheckTest : public PoolCheckTest {};

INSTANTIATE_TEST_SUITE_P(Kinds, ImageCheckTest,
                         ::testing::Values(Ext4OnXfs(), XfsOnExt4(), BlockOnXfs(),
                                           TestKind{.name = "Ext4OnBtrfs",
                                                    .pool = host::FilesystemType::kBtrfs,
                                                    .backend = "image",
                                                    .fs_type = "ext4"}),
                         KindName);

TEST_P(ImageCheckTest, ImageThatIsSmallerThanItsRecordSays) {
  ASSERT_EQ(::truncate(ImagePath(object_).c_str(), 10 * kMiB), 0);
  ExpectDamage(object_ + "/image", "has 10 MiB (10485760 bytes), its record says");
}

class DirectoryCheckTest : public PoolCheckTest {};

INSTANTIATE_TEST_SUITE_P(Kinds, DirectoryCheckTest, ::testing::Values(DirectoryOnBtrfs()),
                         KindName);

TEST_P(DirectoryCheckTest, LimitThatIsNotTheRecordsOne) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd data, host::OpenPath(InPool(object_ + "/data"), O_RDONLY));
  ASSERT_OK_AND_ASSIGN(const host::SubvolumeId id, host::SubvolumeOf(data.get()));
  ASSERT_OK(host::SetQuotaLimit(data.get(), {1, id}, 5 * kMiB));
  ExpectDamage(object_ + "/data", "its limit is 5 MiB");
  ASSERT_OK(host::SetQuotaLimit(data.get(), {1, id}, std::nullopt));
  ExpectDamage(object_ + "/data", "nothing limits its size");
}

class ProjectCheckTest : public PoolCheckTest {};

INSTANTIATE_TEST_SUITE_P(Kinds, ProjectCheckTest,
                         ::testing::Values(DirectoryOnXfs(), DirectoryOnExt4()), KindName);

TEST_P(ProjectCheckTest, LimitAndProjectThatAreNotTheRecordsOnes) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd data, host::OpenPath(InPool(object_ + "/data"), O_RDONLY));
  const uint32_t id = volume_->directory().project_id();
  ASSERT_OK(host::SetProjectLimits(data.get(), id, {.bytes = 5 * kMiB}));
  ExpectDamage(object_ + "/data", "its limit is 5 MiB");
  ASSERT_OK(host::SetProjectLimits(data.get(), id, {}));
  ExpectDamage(object_ + "/data", "its limit is none");
  ASSERT_OK(host::SetProject(data.get(), {.id = id + 1, .inherit = true}));
  ExpectDamage(object_ + "/data", absl::StrCat("is of project ", id + 1));
}

// The pool's own files are alike on every filesystem.
class PoolMarkerCheckTest : public PoolCheckTest {};

INSTANTIATE_TEST_SUITE_P(Kinds, PoolMarkerCheckTest, ::testing::Values(Ext4OnXfs()), KindName);

TEST_P(PoolMarkerCheckTest, DamagedMissingAndForeignMarker) {
  node().Close();
  const std::string marker = InPool(".nodevol/pool");
  const std::string good = Slurp(marker);
  Overwrite(marker, good + " ");
  ExpectDamage(".nodevol/pool", "the checksum does not match");
  ASSERT_EQ(::unlink(marker.c_str()), 0);
  ExpectDamage(".nodevol/pool", "is missing");
  // A copy of the pool: all is right but the disk.
  const size_t at =
      good.find("\"filesystem_uuid\": \"") + std::string("\"filesystem_uuid\": \"").size();
  std::string json = good.substr(good.find('\n') + 1);
  json[at - (good.find('\n') + 1)] = good[at] == 'a' ? 'b' : 'a';
  Overwrite(marker, absl::StrCat("nodevol-record format=1 sha256=", Sha256Hex(json), "\n", json));
  ExpectDamage(".nodevol/pool", "this is a copy, or the wrong disk");
}

TEST_P(PoolMarkerCheckTest, MissingDirectories) {
  node().Close();
  std::filesystem::rename(InPool("snapshots"), InPool("snapshots.away"));
  ExpectDamage("snapshots", "can't be opened");
  std::filesystem::rename(InPool("snapshots.away"), InPool("snapshots"));
  std::filesystem::rename(InPool(".nodevol"), InPool("away"));
  ExpectDamage(".nodevol", "is missing");
}

TEST_P(PoolMarkerCheckTest, ReserveThatWasGivenUp) {
  node().Close();
  ASSERT_EQ(::truncate(InPool(".nodevol/reserve").c_str(), 0), 0);
  ExpectWarning(".nodevol/reserve", "has 0 bytes of");
}

TEST_P(PoolMarkerCheckTest, WhatIsNoPoolIsSaidToBeNone) {
  EXPECT_THAT(CheckPool("/mnt"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("/mnt is no pool"), HasSubstr("is its disk mounted?"))));
  EXPECT_EQ(ErrnoOf(CheckPool("/mnt/no/such").status()), ENOENT);
}

}  // namespace
}  // namespace nodevol::storage
