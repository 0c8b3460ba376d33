// SPDX-License-Identifier: Apache-2.0
//
// Paths of static volumes that are to lead elsewhere: refused, and nothing there is shown.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

#include "host/loop_device.h"
#include "node/static_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::StatusCode kRefused = absl::StatusCode::kFailedPrecondition;

class StaticHostileTest : public StaticFixture {
 protected:
  void SetUp() override {
    StaticFixture::SetUp();
    std::ofstream(secret_ + "/secret") << "secret";
  }
  void ExpectRefused(const std::string& path, absl::StatusCode code, const std::string& word) {
    for (const std::string type :
         {"", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "BlockDevice"}) {
      EXPECT_THAT(Publish(path, type), StatusIs(code, HasSubstr(word))) << path << " " << type;
    }
    EXPECT_THAT(NamesIn(targets_), IsEmpty());
  }

  const std::string secret_ = NewDirectory();
};

TEST_F(StaticHostileTest, OutsideOfThePrefixesIsRefused) {
  ExpectRefused(secret_, kRefused, prefix_);
  ExpectRefused("/etc", kRefused, prefix_);
  ExpectRefused(prefix_ + "x", kRefused, prefix_);
  ExpectRefused("/mnt", kRefused, prefix_);
  ExpectRefused(Path("../" + secret_), absl::StatusCode::kInvalidArgument, "..");
  ExpectRefused(Path("a/../b"), absl::StatusCode::kInvalidArgument, "..");
  ExpectRefused("relative", absl::StatusCode::kInvalidArgument, "absolute");
}

TEST_F(StaticHostileTest, LinksAreNotFollowedAnywhere) {
  ASSERT_EQ(::symlink(secret_.c_str(), Path("link").c_str()), 0);
  ASSERT_EQ(::symlink((secret_ + "/secret").c_str(), Path("file").c_str()), 0);
  ASSERT_EQ(::mkdir(Path("real").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("real", Path("inside").c_str()), 0);
  ASSERT_EQ(::symlink("/", Path("real/root").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", Path("dangling").c_str()), 0);
  for (const char* const name :
       {"link", "link/secret", "file", "inside", "real/root", "real/root/etc", "dangling"}) {
    ExpectRefused(Path(name), kRefused, "symbolic link");
  }
  EXPECT_NE(::access(Path("nowhere").c_str(), F_OK), 0);
}

TEST_F(StaticHostileTest, MagicLinksAreNotFollowed) {
  const std::string proc = NewDirectory();
  ASSERT_EQ(::mount("proc", proc.c_str(), "proc", 0, nullptr), 0);
  world_->AllowStatic({proc});
  ASSERT_OK(world_->Restart());
  for (const char* const name : {"/self/root", "/1/root", "/self/cwd", "/self/fd/0"}) {
    ExpectRefused(proc + name, kRefused, "symbolic link");
  }
  EXPECT_EQ(::umount(proc.c_str()), 0);
}

TEST_F(StaticHostileTest, PrefixThatIsOrHasALinkIsRefused) {
  const std::string link = NewDirectory() + "/link";
  ASSERT_EQ(::symlink(secret_.c_str(), link.c_str()), 0);
  ASSERT_EQ(::mkdir((secret_ + "/below").c_str(), 0700), 0);
  world_->AllowStatic({link, link + "/below"});
  ASSERT_OK(world_->Restart());
  for (const std::string& path : {link, link + "/secret", link + "/below", link + "/below/x"}) {
    ExpectRefused(path, kRefused, "--static-path");
  }
}

TEST_F(StaticHostileTest, MissingPrefixIsNotMade) {
  world_->AllowStatic({prefix_ + "/disk"});
  ASSERT_OK(world_->Restart());
  ExpectRefused(Path("disk"), kRefused, "is its disk mounted?");
  ExpectRefused(Path("disk/data"), kRefused, "is its disk mounted?");
  EXPECT_THAT(NamesIn(prefix_), IsEmpty());
}

TEST_F(StaticHostileTest, PoolsAreNoStaticVolumes) {
  const std::string pool = world_->PoolPath();
  const std::string disk = pool.substr(0, pool.rfind('/'));
  ASSERT_OK_AND_ASSIGN(const std::string volume,
                       world_->CreateVolume("volume", Mode::SINGLE_NODE_WRITER));
  world_->AllowStatic({disk, "/mnt"});
  ASSERT_OK(world_->Restart());
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pool"));
  for (const std::string& path :
       {disk, pool, pool + "/volumes", absl::StrCat(pool, "/volumes/", volume, "/data"),
        std::string("/mnt")}) {
    EXPECT_THAT(Publish(path, "Directory"), refused) << path;
    EXPECT_THAT(Publish(path), refused) << path;
  }
  EXPECT_THAT(Publish(pool + "/volumes/" + volume + "/record", "File"), refused);
  EXPECT_THAT(Publish(pool + "/new/directory", "DirectoryOrCreate"), refused);
  EXPECT_THAT(Publish(pool + "/new", "FileOrCreate"), refused);
  EXPECT_THAT(NamesIn(pool),
              ::testing::UnorderedElementsAre(".nodevol", "volumes", "snapshots", "groups"));
  // Beside a pool is room.
  EXPECT_OK(Publish(disk + "/beside", "DirectoryOrCreate"));
  EXPECT_OK(Unpublish());
  ASSERT_EQ(::rmdir((disk + "/beside").c_str()), 0);
  EXPECT_OK(world_->Delete(volume));
}

TEST_F(StaticHostileTest, PoolsAreRecognisedUnderOtherPaths) {
  const std::string pool = world_->PoolPath();
  const std::string disk = pool.substr(0, pool.rfind('/'));
  ASSERT_EQ(::mkdir(Path("alias").c_str(), 0700), 0);
  ASSERT_EQ(::mount(disk.c_str(), Path("alias").c_str(), nullptr, MS_BIND, nullptr), 0);
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pool"));
  EXPECT_THAT(Publish(Path("alias"), "Directory"), refused);
  EXPECT_THAT(Publish(Path("alias/pool"), "Directory"), refused);
  EXPECT_THAT(Publish(Path("alias/pool/volumes"), "Directory"), refused);
  EXPECT_THAT(Publish(Path("alias/pool/.nodevol/pool"), "File"), refused);
  EXPECT_THAT(Publish(Path("alias/pool/new"), "DirectoryOrCreate"), refused);
  EXPECT_THAT(Publish(Path("alias/pool/new"), "FileOrCreate"), refused);
  EXPECT_NE(::access((pool + "/new").c_str(), F_OK), 0);
  EXPECT_EQ(::umount(Path("alias").c_str()), 0);
}

TEST_F(StaticHostileTest, VolumesOfAPoolThatIsNotConfiguredAreRecognisedByTheirForm) {
  const std::string uuid(32, 'a');
  const std::string data = "old/volumes/" + uuid + "." + uuid + "/data";
  EXPECT_THAT(Publish(Path(data), "DirectoryOrCreate"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pool")));
  EXPECT_NE(::access(Path(data).c_str(), F_OK), 0);
}

TEST_F(StaticHostileTest, DirectoryThatContainsTheTargetIsRefused) {
  ASSERT_EQ(::mkdir(Path("pods").c_str(), 0700), 0);
  for (const std::string& path : {prefix_, Path("pods")}) {
    EXPECT_THAT(Publish(Request(path, "Directory", Path("pods/target"))),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("contains the target")));
  }
  EXPECT_THAT(NamesIn(Path("pods")), IsEmpty());
}

TEST_F(StaticHostileTest, ImageOfAVolumeIsNotShownThroughItsDevice) {
  const std::string uuid(32, 'a');
  const std::string object = NewDirectory() + "/volumes";
  ASSERT_EQ(::mkdir(object.c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((object + "/" + uuid + "." + uuid).c_str(), 0700), 0);
  const std::string image = object + "/" + uuid + "." + uuid + "/image";
  UniqueFd file(::open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::ftruncate(file.get(), kMiB), 0);
  ASSERT_OK_AND_ASSIGN(const host::LoopDevice loop,
                       host::AttachLoop(file.get(), {.autoclear = true}));
  ASSERT_EQ(::mknod(Path("device").c_str(), S_IFBLK | 0600, makedev(7, loop.number)), 0);
  EXPECT_THAT(Publish(Path("device"), "BlockDevice"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pool")));
}

// A pod that has the parent directory swaps its volume's directory with a link all the time.
TEST_F(StaticHostileTest, SwappedLinksLeadNowhere) {
  ASSERT_EQ(::mkdir(Path("data").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir(Path("data/sub").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((secret_ + "/sub").c_str(), 0700), 0);
  std::ofstream(secret_ + "/sub/secret") << "secret";
  ASSERT_EQ(::symlink(secret_.c_str(), Path("link").c_str()), 0);
  std::atomic<bool> stop = false;
  std::atomic<int> swaps = 0;
  std::thread swapper([&] {
    while (!stop) {
      ::renameat2(AT_FDCWD, Path("data").c_str(), AT_FDCWD, Path("link").c_str(), RENAME_EXCHANGE);
      ++swaps;
    }
  });
  int shown = 0;
  int refused = 0;
  for (int i = 0; (i < 3000 || shown < 100 || refused < 100) && i < 100000; ++i) {
    const std::string type = i % 2 == 0 ? "Directory" : "DirectoryOrCreate";
    const absl::Status published = Publish(Path(i % 3 == 0 ? "data" : "data/sub"), type);
    if (published.ok()) {
      ++shown;
      if (::access((Target() + "/secret").c_str(), F_OK) == 0) {
        ADD_FAILURE() << "the secret is shown";
        break;
      }
      ASSERT_OK(Unpublish());
    } else {
      ++refused;
      ASSERT_THAT(published, StatusIs(kRefused, HasSubstr("symbolic link")));
    }
  }
  stop = true;
  swapper.join();
  EXPECT_GE(shown, 100);
  EXPECT_GE(refused, 100);
  EXPECT_GT(swaps, 1000);
}

}  // namespace
}  // namespace nodevol::node
