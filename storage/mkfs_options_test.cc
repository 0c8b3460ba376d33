// SPDX-License-Identifier: Apache-2.0
#include "storage/mkfs_options.h"

#include <string>

#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(MkfsOptionsTest, NoOptionsAreNoWords) {
  EXPECT_THAT(ParseMkfsOptions(FilesystemType::kExt4, ""), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(ParseMkfsOptions(FilesystemType::kExt4, " \t "), IsOkAndHolds(IsEmpty()));
}

TEST(MkfsOptionsTest, AllowedOptionsBecomeArguments) {
  EXPECT_THAT(
      ParseMkfsOptions(FilesystemType::kXfs, "-i size=512,nrext64=1  -m rmapbt=0\t-l su=4k"),
      IsOkAndHolds(ElementsAre("-i", "size=512,nrext64=1", "-m", "rmapbt=0", "-l", "su=4k")));
  EXPECT_THAT(ParseMkfsOptions(FilesystemType::kExt4, "-m 5 -O ^metadata_csum,large_dir -T news"),
              IsOkAndHolds(ElementsAre("-m", "5", "-O", "^metadata_csum,large_dir", "-T", "news")));
  EXPECT_THAT(ParseMkfsOptions(FilesystemType::kBtrfs, "-M --checksum xxhash -n 16k"),
              IsOkAndHolds(ElementsAre("-M", "--checksum", "xxhash", "-n", "16k")));
}

TEST(MkfsOptionsTest, OptionBelongsToItsFilesystem) {
  EXPECT_OK(ParseMkfsOptions(FilesystemType::kXfs, "-m reflink=1"));
  EXPECT_THAT(ParseMkfsOptions(FilesystemType::kExt4, "-m reflink=1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-m reflink=1")));
  EXPECT_THAT(ParseMkfsOptions(FilesystemType::kBtrfs, "-N 5"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseMkfsOptions(FilesystemType::kOther, "-N 5"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(MkfsOptionsTest, OptionWithoutItsValueIsRefused) {
  EXPECT_THAT(ParseMkfsOptions(FilesystemType::kExt4, "-m 5 -N"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"-N\""), HasSubstr("needs a value"))));
}

TEST(MkfsOptionsTest, MkfsIsLedToNoOtherFileOrDevice) {
  for (const FilesystemType type :
       {FilesystemType::kExt4, FilesystemType::kXfs, FilesystemType::kBtrfs}) {
    for (const char* options : {"-d file=/etc/passwd",
                                "-d file,name=/etc/passwd",
                                "-d name=/dev/sda",
                                "-p /etc/passwd",
                                "-p proto",
                                "-l logdev=/dev/sda",
                                "-l internal=0,logdev=/dev/sda",
                                "-l file=1",
                                "-r rtdev=/dev/sda",
                                "-c options=/etc/passwd",
                                "-c",
                                "-E root_owner=0:0",
                                "-E",
                                "-d /etc",
                                "-d ../../etc",
                                "--rootdir /etc",
                                "-r /etc",
                                "-z undo_file",
                                "-J device=/dev/sda",
                                "-J size=4,device=/dev/sda",
                                "-L label",
                                "-U clear",
                                "-F",
                                "-f",
                                "-n",
                                "-N",
                                "-V",
                                "--help",
                                "/dev/sda",
                                "../",
                                ".",
                                "",
                                "-",
                                "--",
                                "4096",
                                "-i",
                                "-b 1024 /dev/sda",
                                "-K -b 1"}) {
      if (std::string(options).empty()) continue;
      EXPECT_THAT(ParseMkfsOptions(type, options), StatusIs(absl::StatusCode::kInvalidArgument))
          << options;
    }
  }
}

TEST(MkfsOptionsTest, HostileValueCanNotHideBehindAGoodOne) {
  EXPECT_THAT(ParseMkfsOptions(FilesystemType::kXfs, "-i size=512 -l logdev=/dev/sda"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-l logdev=/dev/sda")));
  for (const char* options :
       {"-d agcount=4,file=/etc/passwd", "-d agcount=4,name=/dev/sda", "-d agcount=", "-d agcount",
        "-d agcount=4,", "-d ,agcount=4", "-d agcount=/dev/sda", "-d agcount=4;reboot",
        "-d agcount=4$(reboot)", "-d agcount=4\nfile=/etc", "-d agcount=-1", "-d agcount=k",
        "-d agcount=1t", "-d agcount=9999999999999", "-m", "-m crc=1,", "-dagcount=4",
        "-d=agcount=4"}) {
    EXPECT_THAT(ParseMkfsOptions(FilesystemType::kXfs, options),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << options;
  }
}

TEST(MkfsOptionsTest, OtherWhiteSpaceSplitsNoWord) {
  for (const char* options : {"-m 5\n-N 5", "-m\v5", "-m\r\n5", "-m 5\xc2\xa0"}) {
    EXPECT_THAT(ParseMkfsOptions(FilesystemType::kExt4, options),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << options;
  }
}

}  // namespace
}  // namespace nodevol::storage
