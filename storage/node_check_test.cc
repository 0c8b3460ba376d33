// SPDX-License-Identifier: Apache-2.0
#include "storage/node_check.h"

#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "host/kernel.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::storage {
namespace {

using ::testing::AllOf;
using ::testing::Field;
using ::testing::HasSubstr;

using Severity = NodeFinding::Severity;

NodeFinding Find(const v1::VolumeRecord& volume, const std::string& subject,
                 const std::string& kubelet_path = "/mnt") {
  for (const NodeFinding& finding : CheckNode(volume, kubelet_path)) {
    if (finding.subject == subject) return finding;
  }
  ADD_FAILURE() << "nothing is said of " << subject;
  return {};
}

auto Is(Severity severity, const std::string& what) {
  return AllOf(Field("severity", &NodeFinding::severity, severity),
               Field("what", &NodeFinding::what, HasSubstr(what)));
}

v1::VolumeRecord ImageWith(const std::string& fs_type) {
  v1::VolumeRecord volume;
  volume.mutable_image()->set_fs_type(fs_type);
  return volume;
}

TEST(NodeCheckTest, ThisNodeHasWhatTestsNeed) {
  const host::KernelVersion kernel = host::RunningKernel();
  EXPECT_THAT(Find({}, "kernel"), Is(Severity::kOk, kernel.release));
  EXPECT_THAT(Find({}, "/dev/loop-control"), Is(Severity::kOk, "is there"));
  for (const std::string program : {"mkfs.ext4", "e2fsck", "resize2fs", "mkfs.xfs", "mkfs.btrfs"}) {
    EXPECT_THAT(Find({}, "/usr/sbin/" + program), Is(Severity::kOk, "is there"));
  }
}

// Hides a program behind an empty file while it lives.
class Hidden {
 public:
  explicit Hidden(const char* path) : path_(path) {
    EXPECT_EQ(::mount("/dev/null", path_, nullptr, MS_BIND, nullptr), 0);
  }
  ~Hidden() { EXPECT_EQ(::umount2(path_, 0), 0); }
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;

 private:
  const char* path_;
};

TEST(NodeCheckTest, MissingProgramIsAProblemForThoseWhoNeedIt) {
  const Hidden hidden("/usr/sbin/mkfs.xfs");
  EXPECT_THAT(Find(ImageWith("xfs"), "/usr/sbin/mkfs.xfs"), Is(Severity::kProblem, "is missing"));
  EXPECT_THAT(Find({}, "/usr/sbin/mkfs.xfs"), Is(Severity::kProblem, "install it"));
  EXPECT_THAT(Find(ImageWith("ext4"), "/usr/sbin/mkfs.xfs"), Is(Severity::kNote, "is missing"));
}

TEST(NodeCheckTest, WithoutToolsForGrowthItIsMadeAllTheSame) {
  const Hidden hidden("/usr/sbin/resize2fs");
  EXPECT_THAT(Find(ImageWith("ext4"), "/usr/sbin/resize2fs"), Is(Severity::kWarning, "is missing"));
}

TEST(NodeCheckTest, MissingLoopDevicesAreAProblemForImages) {
  // A regular file is there instead.
  const std::string directory = testing::NewDirectory();
  const std::string file = directory + "/file";
  std::ofstream(file) << "no device";
  ASSERT_EQ(::mount(file.c_str(), "/dev/loop-control", nullptr, MS_BIND, nullptr), 0);
  EXPECT_THAT(Find(ImageWith("ext4"), "/dev/loop-control"),
              Is(Severity::kProblem, "load the module loop"));
  v1::VolumeRecord of_no_image;
  of_no_image.mutable_directory();
  EXPECT_THAT(Find(of_no_image, "/dev/loop-control"), Is(Severity::kNote, "is missing"));
  EXPECT_EQ(::umount2("/dev/loop-control", 0), 0);
  EXPECT_EQ(::unlink(file.c_str()), 0);
  EXPECT_EQ(::rmdir(directory.c_str()), 0);
}

TEST(NodeCheckTest, MountsThatPodsWouldNotSeeAreWarnedOf) {
  const std::string kubelet = testing::NewDirectory();
  EXPECT_THAT(Find({}, kubelet, kubelet), Is(Severity::kWarning, "mountPropagation"));
  ASSERT_EQ(::mount("kubelet", kubelet.c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_THAT(Find({}, kubelet + "/", kubelet + "/"), Is(Severity::kWarning, "is not shared"));
  ASSERT_EQ(::mount(nullptr, kubelet.c_str(), nullptr, MS_SHARED, nullptr), 0);
  EXPECT_THAT(Find({}, kubelet, kubelet), Is(Severity::kOk, "shared"));
  ASSERT_EQ(::umount2(kubelet.c_str(), 0), 0);
  ASSERT_EQ(::rmdir(kubelet.c_str()), 0);
  EXPECT_THAT(Find({}, "/no/kubelet", "/no/kubelet"), Is(Severity::kNote, "--kubelet-dir"));
}

}  // namespace
}  // namespace nodevol::storage
