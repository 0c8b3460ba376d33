// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_SANDBOX_H_
#define NODEVOL_TEST_SUPPORT_SANDBOX_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"
#include "host/filesystem.h"
#include "host/loop_device.h"

// Real filesystems for tests, none of which outlives the test process, however it ends: mounts are
// made in a mount namespace of its own, images are files without a name, loop devices free
// themselves.
namespace nodevol::testing {

// Moves the process into a mount namespace of its own and puts a tmpfs on /mnt there. Once a
// process, before its first thread. Children inherit it.
absl::Status EnterSandbox();

// Where filesystems' images are: $TMPDIR, else /var/tmp.
std::string ImageDirectory();

// A new empty directory beneath /mnt.
std::string NewDirectory();

// Stops the XFS or ext4 that is mounted at the path at once: nothing that was not synced is written
// any more.
absl::Status ShutFilesystemDown(const std::string& path);

// A filesystem on a loop device over a nameless sparse file, mounted on a directory of its own
// while the object lives.
class TestFilesystem {
 public:
  struct Options {
    host::FilesystemType type = host::FilesystemType::kExt4;
    int64_t bytes = int64_t{2} << 30;
    std::vector<std::string> mkfs_options = {};
    std::string mount_option = {};
  };

  static absl::StatusOr<TestFilesystem> Create(Options options);
  TestFilesystem(TestFilesystem&& other) noexcept;
  TestFilesystem& operator=(TestFilesystem&&) = delete;
  ~TestFilesystem();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] host::FilesystemType type() const { return options_.type; }
  // From the next Mount() on; "" for none.
  void set_mount_option(std::string option) { options_.mount_option = std::move(option); }
  // The device number's index: /dev/loopN.
  [[nodiscard]] int loop_number() const { return loop_number_; }

  // A power cut: the filesystem stops at once, nothing that was not synced is written any more. XFS
  // and ext4 only.
  absl::Status CutPower();
  // Unmounts (lazily, for the case that something still uses it) and mounts again: what a reboot
  // does.
  absl::Status Remount();
  absl::Status Unmount();
  absl::Status Mount();

 private:
  [[nodiscard]] absl::StatusOr<host::LoopDevice> Device() const;
  void ForgetUnlessAttached() const;
  TestFilesystem(Options options, UniqueFd image, std::string path)
      : options_(std::move(options)), image_(std::move(image)), path_(std::move(path)) {}

  Options options_;
  UniqueFd image_;
  std::string path_;
  int loop_number_ = -1;
  bool mounted_ = false;
};

// Frees the loop devices of this process's sandbox but `keep`: what a reboot does to them.
absl::Status DetachOwnLoops(int keep);

// What a test could leave behind: loop devices of this process and of those it started, mounts,
// descriptors.
struct Leftovers {
  int loops = 0;
  int mounts = 0;
  int descriptors = 0;

  static Leftovers Now();
  friend bool operator==(const Leftovers&, const Leftovers&) = default;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_SANDBOX_H_
