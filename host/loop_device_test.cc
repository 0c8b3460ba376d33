// SPDX-License-Identifier: Apache-2.0
#include "host/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/bytes.h"
#include "host/btrfs.h"
#include "host/file.h"
#include "host/file_data.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::TestFilesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Optional;

// Sectors that direct I/O can have on the filesystems of these tests, whose own are of 4 KiB.
constexpr LoopOptions kAutoclear = {.autoclear = true, .sector_bytes = 4096};
constexpr LoopOptions kKept = {.sector_bytes = 4096};

class LoopDeviceTest : public ::testing::Test {
 protected:
  void SetUp() override { UseFilesystem(FilesystemType::kExt4); }

  void UseFilesystem(FilesystemType type) {
    image_.reset();
    root_.reset();
    ASSERT_OK_AND_ASSIGN(TestFilesystem made, TestFilesystem::Create({.type = type}));
    filesystem_.emplace(std::move(made));
    ASSERT_OK_AND_ASSIGN(root_, OpenPath(filesystem_->path(), O_RDONLY | O_DIRECTORY));
    image_ = NewImage("image");
  }

  [[nodiscard]] UniqueFd NewImage(const std::string& path) const {
    UniqueFd image = OpenBeneath(root_.get(), path, O_RDWR | O_CREAT, 0600).value();
    EXPECT_OK(SetFileSize(image.get(), 8 * kMiB));
    return image;
  }

  // The device as somebody finds it who was not there when it was attached.
  static std::optional<LoopBacking> Look(int number) {
    const auto device = OpenLoop(number, /*read_only=*/true);
    if (!device.ok()) return std::nullopt;
    return LoopBackingOf(device->fd.get()).value();
  }

  static bool IsBacking(const std::optional<LoopBacking>& backing, int image) {
    const FileInfo info = Inspect(image).value();
    return backing.has_value() && backing->device == info.device && backing->inode == info.inode;
  }

  // True as soon as the device is not bound to the image any more, which may be a moment after its
  // last close. Somebody else on this machine may have it by then.
  [[nodiscard]] bool AwaitFreed(int number) const {
    for (int i = 0; i < 1000; ++i) {
      if (!IsBacking(Look(number), image_.get())) return true;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return false;
  }

  std::optional<TestFilesystem> filesystem_;
  UniqueFd root_;
  UniqueFd image_;
};

TEST_F(LoopDeviceTest, AutoclearIsFreedByItsLastClose) {
  ASSERT_OK_AND_ASSIGN(LoopDevice device, AttachLoop(image_.get(), kAutoclear));
  EXPECT_EQ(device.Path(), LoopPath(device.number));
  ASSERT_OK_AND_ASSIGN(LoopDevice second, OpenLoop(device.number, /*read_only=*/false));
  device.fd.reset();
  const auto backing = LoopBackingOf(second.fd.get());
  ASSERT_OK(backing);
  ASSERT_TRUE(backing->has_value());
  EXPECT_TRUE((*backing)->autoclear);
  second.fd.reset();
  EXPECT_TRUE(AwaitFreed(device.number));
}

TEST_F(LoopDeviceTest, WithoutAutoclearItStaysUntilDetached) {
  ASSERT_OK_AND_ASSIGN(LoopDevice device, AttachLoop(image_.get(), kKept));
  device.fd.reset();
  EXPECT_TRUE(IsBacking(Look(device.number), image_.get()));
  EXPECT_FALSE(Look(device.number)->autoclear);
  {
    ASSERT_OK_AND_ASSIGN(const LoopDevice found, OpenLoop(device.number, /*read_only=*/false));
    EXPECT_OK(DetachLoop(found.fd.get()));
  }
  EXPECT_TRUE(AwaitFreed(device.number));
}

TEST_F(LoopDeviceTest, DetachedWhileInUseIsFreedByTheLastClose) {
  ASSERT_OK_AND_ASSIGN(LoopDevice device, AttachLoop(image_.get(), kKept));
  ASSERT_OK_AND_ASSIGN(LoopDevice user, OpenLoop(device.number, /*read_only=*/false));
  EXPECT_OK(DetachLoop(device.fd.get()));
  device.fd.reset();
  EXPECT_EQ(::pwrite(user.fd.get(), "x", 1, 0), 1);
  EXPECT_TRUE(IsBacking(Look(device.number), image_.get()));
  user.fd.reset();
  EXPECT_TRUE(AwaitFreed(device.number));
}

TEST_F(LoopDeviceTest, DetachAgainIsOk) {
  ASSERT_OK_AND_ASSIGN(const LoopDevice device, AttachLoop(image_.get(), kKept));
  EXPECT_OK(DetachLoop(device.fd.get()));
  EXPECT_THAT(LoopBackingOf(device.fd.get()), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_OK(DetachLoop(device.fd.get()));
}

TEST_F(LoopDeviceTest, BackingIsTheImageOnEveryFilesystem) {
  for (const FilesystemType type :
       {FilesystemType::kExt4, FilesystemType::kXfs, FilesystemType::kBtrfs}) {
    SCOPED_TRACE(FilesystemName(type));
    UseFilesystem(type);
    ASSERT_OK_AND_ASSIGN(const LoopDevice device, AttachLoop(image_.get(), kAutoclear));
    EXPECT_TRUE(IsBacking(Look(device.number), image_.get()));
    EXPECT_TRUE(Look(device.number)->direct_io);
  }
}

TEST_F(LoopDeviceTest, BackingTellsBtrfsSubvolumesApart) {
  UseFilesystem(FilesystemType::kBtrfs);
  ASSERT_OK(CreateSubvolume(root_.get(), "a"));
  ASSERT_OK(CreateSubvolume(root_.get(), "b"));
  const UniqueFd a = NewImage("a/image");
  const UniqueFd b = NewImage("b/image");
  ASSERT_OK_AND_ASSIGN(const LoopDevice on_a, AttachLoop(a.get(), kAutoclear));
  ASSERT_OK_AND_ASSIGN(const LoopDevice on_b, AttachLoop(b.get(), kAutoclear));
  EXPECT_TRUE(IsBacking(Look(on_a.number), a.get()));
  EXPECT_TRUE(IsBacking(Look(on_b.number), b.get()));
  // Equal inode numbers: only the subvolume's device number is left to tell them apart.
  EXPECT_EQ(Look(on_a.number)->inode, Look(on_b.number)->inode);
  EXPECT_NE(Look(on_a.number)->device, Look(on_b.number)->device);
}

TEST_F(LoopDeviceTest, ReadOnlyDeviceRefusesWrites) {
  ASSERT_EQ(::pwrite(image_.get(), "old", 3, 0), 3);
  ASSERT_OK(Sync(image_.get()));
  ASSERT_OK_AND_ASSIGN(
      const LoopDevice device,
      AttachLoop(image_.get(), {.read_only = true, .autoclear = true, .sector_bytes = 4096}));
  EXPECT_TRUE(Look(device.number)->read_only);
  int error = 0;
  if (const auto writer = OpenLoop(device.number, /*read_only=*/false); !writer.ok()) {
    error = ErrnoOf(writer.status());
  } else if (::pwrite(writer->fd.get(), "new", 3, 0) < 0) {
    error = errno;
  }
  EXPECT_THAT(error, AnyOf(EPERM, EROFS, EACCES));
  std::string content(3, '?');
  EXPECT_EQ(::pread(device.fd.get(), content.data(), 3, 0), 3);
  EXPECT_EQ(content, "old");
}

TEST_F(LoopDeviceTest, WritesReachTheImage) {
  ASSERT_OK_AND_ASSIGN(const LoopDevice device, AttachLoop(image_.get(), kAutoclear));
  ASSERT_EQ(::pwrite(device.fd.get(), "content", 7, kMiB), 7);
  ASSERT_OK(Sync(device.fd.get()));
  std::string content(7, '?');
  EXPECT_EQ(::pread(image_.get(), content.data(), 7, kMiB), 7);
  EXPECT_EQ(content, "content");
}

TEST_F(LoopDeviceTest, RefreshMakesGrowthSeen) {
  ASSERT_OK_AND_ASSIGN(const LoopDevice device, AttachLoop(image_.get(), kAutoclear));
  EXPECT_THAT(BlockDeviceSize(device.fd.get()), IsOkAndHolds(8 * kMiB));
  ASSERT_OK(SetFileSize(image_.get(), 16 * kMiB));
  EXPECT_THAT(BlockDeviceSize(device.fd.get()), IsOkAndHolds(8 * kMiB));
  ASSERT_OK(RefreshLoopSize(device.fd.get()));
  EXPECT_THAT(BlockDeviceSize(device.fd.get()), IsOkAndHolds(16 * kMiB));
}

TEST_F(LoopDeviceTest, ListContainsExactlyWhatIsBound) {
  const auto listed = [this]() {
    std::vector<int> numbers;
    const std::vector<AttachedLoop> loops = ListLoops().value();
    for (const AttachedLoop& loop : loops) {
      if (IsBacking(loop.backing, image_.get())) numbers.push_back(loop.number);
    }
    return numbers;
  };
  EXPECT_THAT(listed(), IsEmpty());
  ASSERT_OK_AND_ASSIGN(LoopDevice device, AttachLoop(image_.get(), kAutoclear));
  EXPECT_THAT(listed(), ElementsAre(device.number));
  device.fd.reset();
  EXPECT_TRUE(AwaitFreed(device.number));
  EXPECT_THAT(listed(), IsEmpty());
}

TEST_F(LoopDeviceTest, NumberComesFromTheDeviceNode) {
  ASSERT_OK_AND_ASSIGN(const LoopDevice device, AttachLoop(image_.get(), kAutoclear));
  ASSERT_OK_AND_ASSIGN(const FileInfo node, Inspect(device.fd.get()));
  EXPECT_THAT(LoopNumber(node.device_number), Optional(device.number));
  EXPECT_EQ(LoopNumber(makedev(8, 1)), std::nullopt);
}

// As another process does it: without the lock that keeps threads of one from the same device.
void AttachAndDetach(int image) {
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
  const UniqueFd device(::open(LoopPath(number).c_str(), O_RDWR | O_CLOEXEC));
  loop_config config = {};
  config.fd = static_cast<uint32_t>(image);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  ::ioctl(device.get(), LOOP_CONFIGURE, &config);
}

TEST_F(LoopDeviceTest, OtherProcessesTakeAndLeaveTheSameDevices) {
  constexpr int kOthers = 4;
  const UniqueFd other = NewImage("other");
  std::atomic<bool> attaching = true;
  std::vector<std::thread> others;
  for (int i = 0; i < kOthers; ++i) {
    others.emplace_back([&] {
      while (attaching) AttachAndDetach(other.get());
    });
  }
  absl::Status attached;
  for (int i = 0; i < 500 && attached.ok(); ++i) {
    attached = AttachLoop(image_.get(), kAutoclear).status();
  }
  attaching = false;
  for (std::thread& thread : others) thread.join();
  EXPECT_OK(attached);
}

TEST_F(LoopDeviceTest, ThreadsGetADeviceEach) {
  constexpr int kThreads = 8;
  std::vector<UniqueFd> images;
  for (int i = 0; i < kThreads; ++i) images.push_back(NewImage(std::to_string(i)));
  std::vector<absl::StatusOr<LoopDevice>> devices(kThreads);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { devices[i] = AttachLoop(images[i].get(), kAutoclear); });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int> numbers;
  for (const auto& device : devices) {
    ASSERT_OK(device);
    numbers.insert(device->number);
  }
  EXPECT_EQ(numbers.size(), size_t{kThreads});
}

}  // namespace
}  // namespace nodevol::host
