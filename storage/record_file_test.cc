// SPDX-License-Identifier: Apache-2.0
#include "storage/record_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/util/message_differencer.h"

#include "base/sha256.h"
#include "host/file.h"
#include "proto/storage.pb.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using google::protobuf::util::MessageDifferencer;
using nodevol::testing::ErrnoIs;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

v1::VolumeRecord FullRecord() {
  v1::VolumeRecord record;
  record.set_id("some-id");
  record.set_generation(7);
  record.set_size_bytes(int64_t{1} << 62);
  record.mutable_request()->set_name("na\"me\n\xc3\xa4");
  record.mutable_request()->mutable_capacity_range()->set_required_bytes(1);
  v1::VolumeCapability& capability = *record.mutable_request()->add_capabilities();
  capability.mutable_mount()->add_mount_flags("noatime");
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  (*record.mutable_request()->mutable_parameters())["mode"] = "0700";
  record.mutable_request()->mutable_content_source()->set_snapshot_id("other-id");
  record.mutable_created()->set_seconds(1'700'000'000);
  record.mutable_image()->set_fs_type("ext4");
  record.mutable_publication()->set_node_id("node-1");
  return record;
}

absl::Status Decode(absl::string_view content) {
  v1::VolumeRecord record;
  return DecodeRecord(content, record);
}

TEST(RecordFileTest, RecordIsReadAsItWasWritten) {
  ASSERT_OK_AND_ASSIGN(const std::string content, EncodeRecord(FullRecord()));
  v1::VolumeRecord read;
  ASSERT_OK(DecodeRecord(content, read));
  EXPECT_TRUE(MessageDifferencer::Equals(read, FullRecord()));
}

TEST(RecordFileTest, AdminCanReadItAndCheckItsSum) {
  ASSERT_OK_AND_ASSIGN(const std::string content, EncodeRecord(FullRecord()));
  const size_t newline = content.find('\n');
  const std::string json = content.substr(newline + 1);
  EXPECT_EQ(content.substr(0, newline),
            absl::StrCat("nodevol-record format=1 sha256=", Sha256Hex(json)));
  EXPECT_THAT(json, HasSubstr("\"size_bytes\": \"4611686018427387904\""));
}

TEST(RecordFileTest, EveryFlippedBitIsNoticed) {
  ASSERT_OK_AND_ASSIGN(const std::string content, EncodeRecord(FullRecord()));
  for (size_t i = 0; i < content.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string damaged = content;
      damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ (1U << bit));
      EXPECT_FALSE(Decode(damaged).ok()) << "byte " << i << " bit " << bit;
    }
  }
}

TEST(RecordFileTest, EveryTruncationIsNoticed) {
  ASSERT_OK_AND_ASSIGN(const std::string content, EncodeRecord(FullRecord()));
  for (size_t length = 0; length < content.size(); ++length) {
    EXPECT_THAT(Decode(content.substr(0, length)), StatusIs(absl::StatusCode::kDataLoss))
        << "the first " << length << " bytes";
  }
}

TEST(RecordFileTest, WhatIsAppendedIsNoticed) {
  ASSERT_OK_AND_ASSIGN(const std::string content, EncodeRecord(FullRecord()));
  EXPECT_THAT(Decode(content + " "), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Decode(content + std::string(4096, '\0')), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(RecordFileTest, RecordOfANewerDriverIsRefusedAsSuch) {
  ASSERT_OK_AND_ASSIGN(const std::string content, EncodeRecord(FullRecord()));
  const std::string newer = absl::StrReplaceAll(content, {{"format=1", "format=2"}});
  EXPECT_THAT(Decode(newer), StatusIs(absl::StatusCode::kFailedPrecondition,
                                      HasSubstr("format 2, this driver knows 1")));
  for (const char* format : {"format=0", "format=-1", "format=x", "format=", "format=1x"}) {
    EXPECT_THAT(Decode(absl::StrReplaceAll(content, {{"format=1", format}})),
                StatusIs(absl::StatusCode::kDataLoss))
        << format;
  }
}

TEST(RecordFileTest, UnknownFieldIsRefusedSinceRewritingWouldLoseIt) {
  const std::string json = "{\"id\": \"x\", \"field_of_tomorrow\": 1}";
  EXPECT_THAT(Decode(absl::StrCat("nodevol-record format=1 sha256=", Sha256Hex(json), "\n", json)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("field_of_tomorrow")));
}

class RecordFileOnDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "nodevol-record-XXXXXX";
    ASSERT_NE(::mkdtemp(path_.data()), nullptr);
    ASSERT_OK_AND_ASSIGN(directory_, host::OpenPath(path_, O_RDONLY | O_DIRECTORY));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  int directory() const { return directory_.get(); }
  uint64_t Generation() const {
    v1::VolumeRecord record;
    EXPECT_OK(ReadRecord(directory(), "record", record));
    return record.generation();
  }

  std::string path_;
  UniqueFd directory_;
};

TEST_F(RecordFileOnDiskTest, NewRecordNeverReplacesOne) {
  v1::VolumeRecord record = FullRecord();
  ASSERT_OK(WriteRecord(directory(), "record", record));
  record.set_generation(8);
  EXPECT_THAT(WriteRecord(directory(), "record", record), ErrnoIs(EEXIST));
  EXPECT_EQ(Generation(), 7U);
}

TEST_F(RecordFileOnDiskTest, ReplacementTakesTheNameAndLeavesNothing) {
  v1::VolumeRecord record = FullRecord();
  ASSERT_OK(WriteRecord(directory(), "record", record));
  record.set_generation(8);
  ASSERT_OK(ReplaceRecord(directory(), "record", record));
  EXPECT_EQ(Generation(), 8U);
  EXPECT_THAT(host::ListDirectory(directory()), IsOkAndHolds(UnorderedElementsAre("record")));
}

TEST_F(RecordFileOnDiskTest, LeftoverOfAKilledProcessIsReplaced) {
  v1::VolumeRecord record = FullRecord();
  ASSERT_OK(WriteRecord(directory(), "record", record));
  ASSERT_OK(host::WriteNewFile(directory(), "record.tmp", "half a rec", 0600));
  EXPECT_EQ(Generation(), 7U);
  record.set_generation(8);
  ASSERT_OK(ReplaceRecord(directory(), "record", record));
  EXPECT_EQ(Generation(), 8U);
  EXPECT_THAT(host::ListDirectory(directory()), IsOkAndHolds(UnorderedElementsAre("record")));
}

TEST_F(RecordFileOnDiskTest, RecordIsRootsAlone) {
  ASSERT_OK(WriteRecord(directory(), "record", FullRecord()));
  ASSERT_OK_AND_ASSIGN(const host::FileInfo info, host::InspectAt(directory(), "record"));
  EXPECT_EQ(info.mode & 07777, 0600U);
}

TEST_F(RecordFileOnDiskTest, MissingRecordIsAnErrnoNotDamage) {
  v1::VolumeRecord record;
  EXPECT_THAT(ReadRecord(directory(), "record", record), ErrnoIs(ENOENT));
}

TEST_F(RecordFileOnDiskTest, HugeFileIsNotRead) {
  ASSERT_OK(host::WriteNewFile(directory(), "record", std::string(1'000'000, 'x'), 0600));
  v1::VolumeRecord record;
  EXPECT_THAT(ReadRecord(directory(), "record", record), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(RecordFileOnDiskTest, LinkIsNotFollowed) {
  ASSERT_OK(WriteRecord(directory(), "elsewhere", FullRecord()));
  ASSERT_EQ(::symlinkat("elsewhere", directory(), "record"), 0);
  v1::VolumeRecord record;
  EXPECT_THAT(ReadRecord(directory(), "record", record), ErrnoIs(ELOOP));
}

TEST_F(RecordFileOnDiskTest, RecordTooLargeToBeReadIsNotWritten) {
  v1::VolumeRecord record = FullRecord();
  (*record.mutable_request()->mutable_parameters())["csi.storage.k8s.io/x"] =
      std::string(1'000'000, 'x');
  EXPECT_THAT(WriteRecord(directory(), "record", record),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("too large")));
  EXPECT_THAT(host::ListDirectory(directory()), IsOkAndHolds(::testing::IsEmpty()));
}

}  // namespace
}  // namespace nodevol::storage
