// SPDX-License-Identifier: Apache-2.0
//
// Each type of static volume, where its path has what it says, has nothing, and has something else.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "node/static_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What there is to show; names of files in the prefix.
constexpr const char* kThings[] = {"directory", "file", "socket", "character", "block", "fifo"};

struct Type {
  std::string name;
  std::string right;  // of the things above; "" for any
  bool creates = false;

  friend void PrintTo(const Type& type, std::ostream* out) { *out << type.name; }
};
const Type types[] = {{"", ""},
                      {"Directory", "directory"},
                      {"DirectoryOrCreate", "directory", true},
                      {"File", "file"},
                      {"FileOrCreate", "file", true},
                      {"Socket", "socket"},
                      {"CharDevice", "character"},
                      {"BlockDevice", "block"}};

class StaticTypeTest : public StaticFixture, public ::testing::WithParamInterface<Type> {
 protected:
  void SetUp() override {
    StaticFixture::SetUp();
    ASSERT_EQ(::mkdir(Path("directory").c_str(), 0700), 0);
    std::ofstream(Path("directory") + "/content") << "content";
    std::ofstream(Path("file")) << "content";
    ASSERT_EQ(::mknod(Path("character").c_str(), S_IFCHR | 0600, makedev(1, 5)), 0);  // zero
    ASSERT_EQ(::mknod(Path("block").c_str(), S_IFBLK | 0600, makedev(1, 0)), 0);      // ram0
    ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", Path("socket").c_str());
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::close(fd);
  }
  [[nodiscard]] mode_t KindAt(const std::string& path) const {
    struct stat info = {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & S_IFMT : 0;
  }
};
std::string NameOf(const ::testing::TestParamInfo<Type>& type) {
  return type.param.name.empty() ? "Any" : type.param.name;
}
INSTANTIATE_TEST_SUITE_P(, StaticTypeTest, ::testing::ValuesIn(types), NameOf);

TEST_P(StaticTypeTest, ShowsWhatIsThereIfItIsOfTheType) {
  for (const std::string thing : kThings) {
    SCOPED_TRACE(thing);
    const absl::Status published = Publish(Path(thing), GetParam().name);
    if (!GetParam().right.empty() && GetParam().right != thing) {
      EXPECT_THAT(published,
                  StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(Path(thing))));
      EXPECT_THAT(NamesIn(targets_), IsEmpty());
      continue;
    }
    ASSERT_OK(published);
    EXPECT_EQ(KindAt(Target()), KindAt(Path(thing)));
    EXPECT_OK(Publish(Path(thing), GetParam().name)) << "again";
    for (int i = 0; i < 2; ++i) EXPECT_OK(Unpublish());
    EXPECT_THAT(NamesIn(targets_), IsEmpty());
    EXPECT_NE(KindAt(Path(thing)), 0U) << "the source stays";
  }
  EXPECT_THAT(ReadContent(Path("directory")), IsOkAndHolds("content"));
}

TEST_P(StaticTypeTest, WhatIsMissingIsMadeByTheTwoTypesThatDo) {
  const absl::Status published = Publish(Path("missing"), GetParam().name);
  if (!GetParam().creates) {
    EXPECT_THAT(published, StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("missing"))));
    EXPECT_EQ(KindAt(Path("missing")), 0U);
    EXPECT_THAT(NamesIn(targets_), IsEmpty());
    return;
  }
  ASSERT_OK(published);
  struct stat made = {};
  ASSERT_EQ(::stat(Path("missing").c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 07777, S_ISDIR(made.st_mode) ? 0755U : 0644U);
  EXPECT_EQ(made.st_uid, 0U);
  EXPECT_EQ(made.st_gid, 0U);
  EXPECT_EQ(KindAt(Path("missing")), KindAt(Path(GetParam().right)));
  EXPECT_OK(Unpublish());
  EXPECT_NE(KindAt(Path("missing")), 0U) << "it is the administrator's now";
}

TEST_P(StaticTypeTest, DirectoriesOnTheWayAreMadeForDirectoriesOnly) {
  const absl::Status published = Publish(Path("a/b/c"), GetParam().name);
  if (GetParam().name == "DirectoryOrCreate") {
    ASSERT_OK(published);
    for (const char* const name : {"a", "a/b", "a/b/c"}) {
      EXPECT_EQ(KindAt(Path(name)), mode_t{S_IFDIR});
    }
    EXPECT_OK(Publish(Path("a/b/c"), GetParam().name));
    return;
  }
  EXPECT_THAT(published, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(KindAt(Path("a")), 0U);
}

TEST_P(StaticTypeTest, AFileOnTheWayIsNamed) {
  EXPECT_THAT(Publish(Path("file/below"), GetParam().name),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is no directory")));
}

TEST_P(StaticTypeTest, NothingCanBeReadOnlyThatWouldNotBe) {
  for (const std::string thing : kThings) {
    if (!GetParam().right.empty() && GetParam().right != thing) continue;
    SCOPED_TRACE(thing);
    csi::v1::NodePublishVolumeRequest request =
        Request(Path(thing), GetParam().name, Target(thing));
    request.set_readonly(true);
    if (thing == "directory" || thing == "file") {
      EXPECT_OK(Publish(request));
    } else {
      EXPECT_THAT(Publish(request),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("read-only")));
      EXPECT_EQ(KindAt(Target(thing)), 0U);
    }
  }
}

TEST_P(StaticTypeTest, RawBlockIsForBlockDevices) {
  csi::v1::NodePublishVolumeRequest request = Request(Path("block"), GetParam().name, Target());
  request.mutable_volume_capability()->mutable_block();
  if (GetParam().name == "BlockDevice") {
    ASSERT_OK(Publish(request));
    EXPECT_EQ(KindAt(Target()), mode_t{S_IFBLK});
    return;
  }
  EXPECT_THAT(Publish(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BlockDevice")));
}

using StaticDeviceTest = StaticFixture;

TEST_F(StaticDeviceTest, DevicesCanBeOpened) {
  ASSERT_EQ(::mknod(Path("zero").c_str(), S_IFCHR | 0600, makedev(1, 5)), 0);
  ASSERT_OK(Publish(Path("zero"), "CharDevice"));
  std::ifstream device(Target(), std::ios::binary);
  EXPECT_EQ(device.get(), 0);
}

TEST_F(StaticDeviceTest, DevicesInDirectoriesCanNot) {
  ASSERT_EQ(::mkdir(Path("dev").c_str(), 0700), 0);
  ASSERT_EQ(::mknod(Path("dev/zero").c_str(), S_IFCHR | 0600, makedev(1, 5)), 0);
  csi::v1::NodePublishVolumeRequest request = Request(Path("dev"), "Directory", Target());
  ASSERT_OK(Publish(request));
  EXPECT_FALSE(std::ifstream(Target() + "/zero").is_open());
  // Unless that is asked for.
  request.set_target_path(Target("with devices"));
  request.mutable_volume_capability()->mutable_mount()->add_mount_flags("dev");
  ASSERT_OK(Publish(request));
  EXPECT_TRUE(std::ifstream(Target("with devices") + "/zero").is_open());
}

}  // namespace
}  // namespace nodevol::node
