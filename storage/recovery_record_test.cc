// SPDX-License-Identifier: Apache-2.0
//
// An object whose record is damaged is set aside: nothing is done to it, and all others go on.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"

#include "host/file.h"
#include "storage/storage_test_util.h"
#include "storage/used_volume_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Overwrite(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::trunc) << content;
}

class RecoveryRecordTest : public KindTest {
 protected:
  void SetUp() override {
    KindTest::SetUp();
    if (node_ == nullptr) return;
    ASSERT_OK_AND_ASSIGN(volume_, node().Create(RequestFor(kind(), "a")));
    ASSERT_OK(WriteContent(node(), volume_, "content"));
    ASSERT_OK_AND_ASSIGN(other_, node().Create(RequestFor(kind(), "b")));
    ASSERT_OK(WriteContent(node(), other_, "other content"));
    record_ = node().PathOf(volume_) + "/record";
    good_ = Slurp(record_);
  }

  // Does something to the volume's record while no driver runs, and starts one.
  void Damage(const std::function<void()>& how) {
    node().Close();
    how();
    ASSERT_OK(node().Open());
  }
  void ExpectSetAside(const std::string& why) {
    const auto set_aside =
        StatusIs(absl::StatusCode::kInternal, AllOf(HasSubstr(volume_->id()), HasSubstr(why)));
    const VolumeId id = *VolumeId::Parse(volume_->id());
    EXPECT_THAT(node().storage().GetVolume(id), set_aside);
    EXPECT_THAT(node().Create(RequestFor(kind(), "a")), set_aside);
    EXPECT_THAT(node().Create(RequestForCopy(kind(), "c", volume_)), set_aside);
    EXPECT_THAT(node().Delete(volume_), set_aside);
    EXPECT_THAT(node().Expand(volume_, 2 * kind().bytes), set_aside);
    EXPECT_THAT(node().Snapshot("s", volume_), set_aside);
    EXPECT_THAT(node().OnVolume(volume_, [](LocalVolume&) { return absl::OkStatus(); }), set_aside);
    EXPECT_FALSE(node().storage().Serves(volume_->id()));
    EXPECT_EQ(node().Statistics().damaged, 1U);
    EXPECT_THAT(node().Entries("volumes"), Contains(volume_->id()));
    // The others.
    EXPECT_THAT(ReadContent(node(), other_), IsOkAndHolds("other content"));
    EXPECT_EQ(node().storage().ListVolumes({}).entries.size(), 1U);
  }
  void ExpectWholeAgainWithItsRecord() {
    node().Close();
    std::filesystem::remove_all(record_);
    Overwrite(record_, good_);
    ASSERT_OK(node().Open());
    EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("content"));
    EXPECT_EQ(node().Statistics().damaged, 0U);
  }

  VolumePtr volume_;
  VolumePtr other_;
  std::string record_;
  std::string good_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, RecoveryRecordTest,
                         ::testing::Values(DirectoryOnBtrfs(), Ext4OnXfs()), KindName);

TEST_P(RecoveryRecordTest, FlippedBit) {
  Damage([this] {
    std::string bad = good_;
    bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
    Overwrite(record_, bad);
  });
  ExpectSetAside("the checksum does not match");
  ExpectWholeAgainWithItsRecord();
}

TEST_P(RecoveryRecordTest, Truncated) {
  Damage([this] { Overwrite(record_, good_.substr(0, good_.size() / 2)); });
  ExpectSetAside("the record is damaged");
  ExpectWholeAgainWithItsRecord();
}

TEST_P(RecoveryRecordTest, Empty) {
  Damage([this] { Overwrite(record_, ""); });
  ExpectSetAside("it has no header");
  ExpectWholeAgainWithItsRecord();
}

TEST_P(RecoveryRecordTest, Missing) {
  Damage([this] { std::filesystem::remove(record_); });
  ExpectSetAside("its record is missing");
  ExpectWholeAgainWithItsRecord();
}

TEST_P(RecoveryRecordTest, OfANewerDriver) {
  Damage([this] { Overwrite(record_, absl::StrReplaceAll(good_, {{"format=1", "format=9"}})); });
  ExpectSetAside("use the driver version that wrote it");
  ExpectWholeAgainWithItsRecord();
}

TEST_P(RecoveryRecordTest, OfAnotherVolume) {
  Damage([this] { Overwrite(record_, Slurp(node().PathOf(other_) + "/record")); });
  ExpectSetAside("its record is that of " + other_->id());
  ExpectWholeAgainWithItsRecord();
}

TEST_P(RecoveryRecordTest, ADirectory) {
  Damage([this] {
    std::filesystem::remove(record_);
    std::filesystem::create_directory(record_);
  });
  ExpectSetAside("record");
  ExpectWholeAgainWithItsRecord();
}

TEST_P(RecoveryRecordTest, ContentThatIsMissing) {
  const std::string content =
      node().PathOf(volume_) + (kind().backend == "directory" ? "/data" : "/image");
  Damage([&] { std::filesystem::rename(content, content + ".away"); });
  ExpectSetAside("No such file");
  node().Close();
  std::filesystem::rename(content + ".away", content);
  ASSERT_OK(node().Open());
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("content"));
}

TEST_P(RecoveryRecordTest, FileInThePlaceOfTheObject) {
  const std::string path = node().PathOf(volume_);
  Damage([&] {
    std::filesystem::rename(path, node().disk().path() + "/away");
    Overwrite(path, "x");
  });
  ExpectSetAside("Not a directory");
  node().Close();
  std::filesystem::remove(path);
  std::filesystem::rename(node().disk().path() + "/away", path);
  ASSERT_OK(node().Open());
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("content"));
}

TEST_P(RecoveryRecordTest, OfASnapshot) {
  ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot, node().Snapshot("s", volume_));
  const std::string record = node().PathOf(snapshot) + "/record";
  const std::string good = Slurp(record);
  Damage([&] { Overwrite(record, good.substr(1)); });
  const auto set_aside = StatusIs(absl::StatusCode::kInternal, HasSubstr(snapshot->id()));
  EXPECT_THAT(node().storage().GetSnapshot(*SnapshotId::Parse(snapshot->id())), set_aside);
  EXPECT_THAT(node().Snapshot("s", volume_), set_aside);
  EXPECT_THAT(node().DeleteSnapshot(snapshot), set_aside);
  EXPECT_THAT(node().Create(RequestForCopy(kind(), "r", snapshot)), set_aside);
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("content"));
  EXPECT_OK(node().Snapshot("t", volume_));
  Damage([&] { Overwrite(record, good); });
  ASSERT_OK_AND_ASSIGN(const VolumePtr restored,
                       node().Create(RequestForCopy(kind(), "r", snapshot)));
  EXPECT_THAT(ReadContent(node(), restored), IsOkAndHolds("content"));
}

TEST_P(RecoveryRecordTest, LeftoverOfAReplacementIsHarmless) {
  Damage([this] { Overwrite(record_ + ".tmp", good_.substr(0, 50)); });
  EXPECT_THAT(ReadContent(node(), volume_), IsOkAndHolds("content"));
  EXPECT_OK(node().Delete(volume_));
  EXPECT_TRUE(node().TrashEmpties());
}

}  // namespace
}  // namespace nodevol::storage
