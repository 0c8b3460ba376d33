// SPDX-License-Identifier: Apache-2.0
#include "test/support/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/filesystem_tools.h"
#include "host/loop_device.h"
#include "host/mount.h"
#include "host/mount_table.h"

namespace nodevol::testing {
namespace {

constexpr char kScratch[] = "/mnt";
// EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are the same number; 2 is "do not flush the log".
constexpr unsigned long kShutdown = _IOR('X', 125, uint32_t);
constexpr uint32_t kNoLogFlush = 2;

using FileKey = std::pair<dev_t, ino_t>;

// The images of this process's filesystems: other test programs may run beside it, with loop
// devices of their own.
ABSL_CONST_INIT absl::Mutex own_images_mutex(absl::kConstInit);
absl::flat_hash_set<FileKey>& OwnImages() ABSL_EXCLUSIVE_LOCKS_REQUIRED(own_images_mutex) {
  static auto* const images = new absl::flat_hash_set<FileKey>;
  return *images;
}

// Where the loop device's file is, seen from this mount namespace.
std::string BackingFile(int loop_number) {
  const absl::StatusOr<UniqueFd> directory =
      host::OpenPath(absl::StrCat("/sys/block/loop", loop_number, "/loop"), O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) return "";
  constexpr size_t kMaxBytes = 8192;
  const absl::StatusOr<std::string> path =
      host::ReadFile(directory->get(), "backing_file", kMaxBytes);
  return path.ok() ? *path : "";
}

// A loop device is freed a moment after its mount is gone.
void AwaitLoopGone(int number) {
  for (int i = 0; i < 5000; ++i) {
    const absl::StatusOr<host::LoopDevice> device = host::OpenLoop(number, true);
    if (!device.ok()) return;
    const auto backing = host::LoopBackingOf(device->fd.get());
    if (!backing.ok() || !backing->has_value()) return;
    absl::SleepFor(absl::Milliseconds(2));
  }
}

}  // namespace

absl::Status EnterSandbox() {
  if (::geteuid() != 0) return absl::FailedPreconditionError("these tests need root");
  if (::unshare(CLONE_NEWNS) != 0) return ErrnoStatus(errno, "unshare the mount namespace");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ErrnoStatus(errno, "make mounts private");
  }
  if (::mount("nodevol-test", kScratch, "tmpfs", 0, "mode=0700") != 0) {
    return ErrnoStatus(errno, "mount a tmpfs");
  }
  return absl::OkStatus();
}

std::string ImageDirectory() {
  const char* directory = ::getenv("TMPDIR");
  return directory == nullptr ? "/var/tmp" : directory;
}

std::string NewDirectory() {
  static std::atomic<int> counter = 0;
  const std::string path = absl::StrCat(kScratch, "/", ::getpid(), "-", counter++);
  return ::mkdir(path.c_str(), 0700) == 0 ? path : std::string();
}

absl::StatusOr<TestFilesystem> TestFilesystem::Create(Options options) {
  const std::string directory = ImageDirectory();
  UniqueFd image(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!image.valid()) return ErrnoStatus(errno, absl::StrCat("make an image in ", directory));
  RETURN_IF_ERROR(host::SetFileSize(image.get(), options.bytes));
  RETURN_IF_ERROR(host::MakeFilesystem(image.get(), options.type, options.mkfs_options));
  ASSIGN_OR_RETURN(const host::FileInfo info, host::Inspect(image.get()));
  {
    absl::MutexLock lock(&own_images_mutex);
    OwnImages().insert({info.device, info.inode});
  }
  TestFilesystem filesystem(std::move(options), std::move(image), NewDirectory());
  RETURN_IF_ERROR(filesystem.Mount());
  return filesystem;
}

TestFilesystem::TestFilesystem(TestFilesystem&& other) noexcept
    : options_(std::move(other.options_)),
      image_(std::move(other.image_)),
      path_(std::move(other.path_)),
      loop_number_(other.loop_number_),
      mounted_(std::exchange(other.mounted_, false)) {}

TestFilesystem::~TestFilesystem() {
  if (mounted_) Unmount().IgnoreError();
  if (!path_.empty()) ::rmdir(path_.c_str());
  if (image_.valid()) ForgetUnlessAttached();
}

// The next to have its inode number may be another process's image. One that is still attached is a
// leftover, and stays known.
void TestFilesystem::ForgetUnlessAttached() const {
  const absl::StatusOr<host::FileInfo> image = host::Inspect(image_.get());
  const absl::StatusOr<std::vector<host::AttachedLoop>> loops = host::ListLoops();
  if (!image.ok() || !loops.ok()) return;
  for (const host::AttachedLoop& loop : *loops) {
    if (loop.backing.device == image->device && loop.backing.inode == image->inode) return;
  }
  absl::MutexLock lock(&own_images_mutex);
  OwnImages().erase({image->device, image->inode});
}

// A disk is one device, also when it is mounted a second time; the first mount may still be in use.
absl::StatusOr<host::LoopDevice> TestFilesystem::Device() const {
  ASSIGN_OR_RETURN(const host::FileInfo image, host::Inspect(image_.get()));
  if (loop_number_ >= 0) {
    ASSIGN_OR_RETURN(host::LoopDevice loop, host::OpenLoop(loop_number_, /*read_only=*/false));
    ASSIGN_OR_RETURN(const auto backing, host::LoopBackingOf(loop.fd.get()));
    if (backing.has_value() && backing->device == image.device && backing->inode == image.inode) {
      return loop;
    }
  }
  return host::AttachLoop(image_.get(), {.autoclear = true, .sector_bytes = 4096});
}

absl::Status TestFilesystem::Mount() {
  ASSIGN_OR_RETURN(const host::LoopDevice loop, Device());
  std::vector<host::FilesystemOption> options;
  if (!options_.mount_option.empty()) options.emplace_back(options_.mount_option, "");
  ASSIGN_OR_RETURN(const UniqueFd tree,
                   host::NewMount(host::FilesystemName(options_.type), loop.Path(), false, options,
                                  {.nosuid = false, .nodev = false}));
  ASSIGN_OR_RETURN(const UniqueFd target, host::OpenPath(path_, O_PATH | O_DIRECTORY));
  RETURN_IF_ERROR(host::AttachMount(tree.get(), target.get()));
  loop_number_ = loop.number;
  mounted_ = true;
  return absl::OkStatus();
}

absl::Status TestFilesystem::Unmount() {
  mounted_ = false;
  // Mounts stacked beneath go first: a test that failed may have left them.
  ASSIGN_OR_RETURN(const std::vector<host::MountEntry> table, host::ReadMountTable());
  for (auto entry = table.rbegin(); entry != table.rend(); ++entry) {
    if (absl::StartsWith(entry->target, path_ + "/")) {
      ::umount2(entry->target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
    }
  }
  if (::umount2(path_.c_str(), 0) != 0 && ::umount2(path_.c_str(), MNT_DETACH) != 0) {
    return ErrnoStatus(errno, absl::StrCat("umount ", path_));
  }
  AwaitLoopGone(loop_number_);
  return absl::OkStatus();
}

absl::Status ShutFilesystemDown(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd root, host::OpenPath(path, O_RDONLY | O_DIRECTORY));
  uint32_t mode = kNoLogFlush;
  if (::ioctl(root.get(), kShutdown, &mode) != 0) return ErrnoStatus(errno, "shut down");
  return absl::OkStatus();
}

absl::Status TestFilesystem::CutPower() { return ShutFilesystemDown(path_); }

absl::Status TestFilesystem::Remount() {
  RETURN_IF_ERROR(Unmount());
  return Mount();
}

// The loop devices that this process or one that it started attached.
static absl::StatusOr<std::vector<int>> OwnLoops() {
  ASSIGN_OR_RETURN(const std::vector<host::AttachedLoop> loops, host::ListLoops());
  const std::string prefix = absl::StrCat(kScratch, "/", ::getpid(), "-");
  std::vector<int> own;
  absl::MutexLock lock(&own_images_mutex);
  for (const host::AttachedLoop& loop : loops) {
    if (OwnImages().contains({loop.backing.device, loop.backing.inode}) ||
        absl::StartsWith(BackingFile(loop.number), prefix)) {
      own.push_back(loop.number);
    }
  }
  return own;
}

absl::Status DetachOwnLoops(int keep) {
  ASSIGN_OR_RETURN(const std::vector<int> own, OwnLoops());
  for (const int number : own) {
    if (number == keep) continue;
    ASSIGN_OR_RETURN(const host::LoopDevice loop, host::OpenLoop(number, /*read_only=*/true));
    RETURN_IF_ERROR(host::DetachLoop(loop.fd.get()));
  }
  return absl::OkStatus();
}

// But those of event loops: gRPC makes and drops them as it likes.
static int OpenDescriptors() {
  const auto directory = host::OpenPath("/proc/self/fd", O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) return 0;
  const auto names = host::ListDirectory(directory->get());
  if (!names.ok()) return 0;
  return static_cast<int>(std::count_if(names->begin(), names->end(), [&](const std::string& name) {
    std::array<char, 64> target = {};
    const ssize_t length =
        ::readlinkat(directory->get(), name.c_str(), target.data(), target.size());
    const absl::string_view link(target.data(), static_cast<size_t>(std::max<ssize_t>(0, length)));
    return !absl::StartsWith(link, "anon_inode:[event");
  }));
}

Leftovers Leftovers::Now() {
  Leftovers now;
  if (const auto own = OwnLoops(); own.ok()) now.loops = static_cast<int>(own->size());
  if (const auto table = host::ReadMountTable(); table.ok()) {
    now.mounts = static_cast<int>(table->size());
  }
  now.descriptors = OpenDescriptors();
  return now;
}

}  // namespace nodevol::testing
