// SPDX-License-Identifier: Apache-2.0
#include "host/copy_tree.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "host/file.h"
#include "host/file_data.h"
#include "host/filesystem.h"
#include "host/mount.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::host {
namespace {

using nodevol::testing::StatusIs;
using nodevol::testing::TestFilesystem;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Lt;

std::string TimeText(const struct timespec& time) {
  return absl::StrCat(time.tv_sec, ".", time.tv_nsec);
}

std::string Content(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOATIME | O_CLOEXEC));
  std::string content(static_cast<size_t>(std::filesystem::file_size(path)), '\0');
  EXPECT_EQ(::pread(file.get(), content.data(), content.size(), 0),
            static_cast<ssize_t>(content.size()));
  return content;
}

// All extended attributes, in the order of their names.
std::string AttributesOf(const std::string& path) {
  std::array<char, 4096> list = {};
  const ssize_t length = ::llistxattr(path.c_str(), list.data(), list.size());
  EXPECT_GE(length, 0) << path;
  std::map<std::string, std::string> values;
  for (const char* name = list.data(); name < list.data() + length;
       name += std::string(name).size() + 1) {
    std::array<char, 4096> value = {};
    const ssize_t got = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    values[name] = std::string(value.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
  }
  std::string text;
  for (const auto& [name, value] : values) absl::StrAppend(&text, " ", name, "=", value);
  return text;
}

// What the copy of a file must share with it. Inode numbers are left out; what has several names is
// told by the first of them.
class Description {
 public:
  explicit Description(const std::string& top) { Add(top, ""); }
  [[nodiscard]] const std::map<std::string, std::string>& files() const { return files_; }

 private:
  void Add(const std::string& path, const std::string& name) {
    struct stat info = {};
    ASSERT_EQ(::lstat(path.c_str(), &info), 0) << path;
    std::string& text = files_[name];
    absl::StrAppend(&text, "mode ", absl::Hex(info.st_mode), " owner ", info.st_uid, ":",
                    info.st_gid, " modified ", TimeText(info.st_mtim), AttributesOf(path));
    if (S_ISDIR(info.st_mode)) {
      std::vector<std::string> names;
      for (const auto& entry : std::filesystem::directory_iterator(path)) {
        names.push_back(entry.path().filename());
      }
      std::sort(names.begin(), names.end());
      for (const std::string& child : names) {
        Add(absl::StrCat(path, "/", child), absl::StrCat(name, "/", child));
      }
      return;
    }
    absl::StrAppend(&text, " links ", info.st_nlink, " first ",
                    first_names_.emplace(info.st_ino, name).first->second);
    if (S_ISREG(info.st_mode)) {
      absl::StrAppend(&text, " accessed ", TimeText(info.st_atim), " size ", info.st_size,
                      " content ", std::hash<std::string>()(Content(path)));
    } else if (S_ISLNK(info.st_mode)) {
      absl::StrAppend(&text, " to ", std::filesystem::read_symlink(path).string());
    } else {
      absl::StrAppend(&text, " device ", major(info.st_rdev), ":", minor(info.st_rdev));
    }
  }

  std::map<std::string, std::string> files_;
  std::map<ino_t, std::string> first_names_;
};

class CopyTreeTest : public ::testing::TestWithParam<FilesystemType> {
 protected:
  void SetUp() override {
    auto disk = TestFilesystem::Create({.type = GetParam()});
    ASSERT_OK(disk);
    disk_.emplace(*std::move(disk));
    from_ = disk_->path() + "/from";
    to_ = disk_->path() + "/to";
    ASSERT_EQ(::mkdir(from_.c_str(), 0700), 0);
    ASSERT_EQ(::mkdir(to_.c_str(), 0700), 0);
  }

  void Write(const std::string& name, const std::string& content) const {
    const UniqueFd file(::open((from_ + "/" + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
  }
  void SetAttribute(const std::string& name, const char* key, const std::string& value) const {
    ASSERT_EQ(::lsetxattr((from_ + "/" + name).c_str(), key, value.data(), value.size(), 0), 0)
        << name << " " << key;
  }
  void SetTimes(const std::string& name, time_t seconds) const {
    const std::array<struct timespec, 2> times = {timespec{seconds, 1234}, {seconds + 1, 5678}};
    ASSERT_EQ(
        ::utimensat(AT_FDCWD, (from_ + "/" + name).c_str(), times.data(), AT_SYMLINK_NOFOLLOW), 0);
  }

  [[nodiscard]] absl::Status Copy() const {
    const auto from = OpenPath(from_, O_RDONLY | O_DIRECTORY);
    const auto to = OpenPath(to_, O_RDONLY | O_DIRECTORY);
    return CopyTree(from->get(), to->get());
  }
  static void BindToItself(const std::string& path) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd what, OpenPath(path, O_PATH));
    ASSERT_OK_AND_ASSIGN(const UniqueFd tree, CloneTree(what.get()));
    ASSERT_OK(AttachMount(tree.get(), what.get()));
  }
  void ExpectSame() const { EXPECT_EQ(Description(to_).files(), Description(from_).files()); }

  std::optional<TestFilesystem> disk_;
  std::string from_;
  std::string to_;
};

INSTANTIATE_TEST_SUITE_P(Filesystems, CopyTreeTest,
                         ::testing::Values(FilesystemType::kExt4, FilesystemType::kXfs),
                         [](const auto& type) { return std::string(FilesystemName(type.param)); });

TEST_P(CopyTreeTest, EmptyTreeHasItsTopsAttributes) {
  ASSERT_EQ(::chown(from_.c_str(), 1000, 2000), 0);
  ASSERT_EQ(::chmod(from_.c_str(), 02751), 0);
  SetAttribute("", "user.note", "on the top");
  SetTimes("", 1000);
  ASSERT_OK(Copy());
  ExpectSame();
}

TEST_P(CopyTreeTest, FilesKeepContentOwnerModeAndTimes) {
  Write("file", "content");
  Write("empty", "");
  Write("line\nbreak \xff\xfe", "odd name");
  ASSERT_EQ(::mkdir((from_ + "/directory").c_str(), 0700), 0);
  Write("directory/program", std::string(300000, 'x'));
  ASSERT_EQ(::chown((from_ + "/directory/program").c_str(), 1000, 2000), 0);
  ASSERT_EQ(::chmod((from_ + "/directory/program").c_str(), 06755), 0);
  ASSERT_EQ(::chmod((from_ + "/directory").c_str(), 01777), 0);
  SetTimes("directory/program", 1);
  SetTimes("file", 4'000'000'000);  // after 2038
  SetTimes("directory", 2000);
  SetTimes("", 3000);
  ASSERT_OK(Copy());
  ExpectSame();
}

TEST_P(CopyTreeTest, SpecialFilesAreMadeAgain) {
  for (const auto& [name, mode] : std::map<std::string, mode_t>{
           {"pipe", S_IFIFO | 0640}, {"socket", S_IFSOCK | 0700}, {"null", S_IFCHR | 0666}}) {
    ASSERT_EQ(::mknod((from_ + "/" + name).c_str(), mode, makedev(1, 3)), 0);
    ASSERT_EQ(::chown((from_ + "/" + name).c_str(), 7, 8), 0);
    SetTimes(name, 5);
  }
  ASSERT_EQ(::symlink("/nowhere", (from_ + "/link").c_str()), 0);
  ASSERT_EQ(::symlink(std::string(1000, 'l').c_str(), (from_ + "/long").c_str()), 0);
  ASSERT_EQ(::lchown((from_ + "/link").c_str(), 7, 8), 0);
  SetAttribute("link", "trusted.note", "on the link itself");
  SetTimes("link", 5);
  ASSERT_OK(Copy());
  ExpectSame();
}

TEST_P(CopyTreeTest, AccessListsAndOtherExtendedAttributesAreKept) {
  Write("file", "content");
  ASSERT_EQ(::chmod((from_ + "/file").c_str(), 0640), 0);
  SetAttribute("file", "user.empty", "");
  SetAttribute("file", "user.note", std::string("with\0zero", 9));
  SetAttribute("file", "trusted.note", "for root");
  // cap_net_raw+ep, as vfs_cap_data revision 2.
  SetAttribute("file", "security.capability",
               std::string("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20));
  // An access list for user 1000 (POSIX ACL, version 2).
  const std::string list(
      "\2\0\0\0\1\0\6\0\xff\xff\xff\xff\2\0\7\0\xe8\3\0\0\4\0\4\0\xff\xff\xff\xff"
      "\x10\0\7\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
      44);
  SetAttribute("file", "system.posix_acl_access", list);
  SetAttribute("", "system.posix_acl_default", list);
  ASSERT_OK(Copy());
  ExpectSame();
  EXPECT_THAT(AttributesOf(to_ + "/file"),
              AllOf(HasSubstr("posix_acl_access"), HasSubstr("security.capability")));
}

TEST_P(CopyTreeTest, HardLinksStayHardLinks) {
  ASSERT_EQ(::mkdir((from_ + "/a").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((from_ + "/b").c_str(), 0700), 0);
  Write("a/file", "content");
  for (const char* name : {"/b/same", "/same"}) {
    ASSERT_EQ(::link((from_ + "/a/file").c_str(), (from_ + name).c_str()), 0);
  }
  ASSERT_EQ(::mkfifo((from_ + "/pipe").c_str(), 0600), 0);
  ASSERT_EQ(::link((from_ + "/pipe").c_str(), (from_ + "/b/pipe").c_str()), 0);
  ASSERT_OK(Copy());
  ExpectSame();
}

TEST_P(CopyTreeTest, FileWithAsManyNamesAsCanBeIsCopied) {
  Write("0", "content");
  int names = 1;
  const int most = GetParam() == FilesystemType::kExt4 ? 70000 : 1000;
  while (names < most &&
         ::link((from_ + "/0").c_str(), absl::StrCat(from_, "/", names).c_str()) == 0) {
    ++names;
  }
  EXPECT_EQ(names, GetParam() == FilesystemType::kExt4 ? 65000 : 1000);
  ASSERT_OK(Copy());
  struct stat info = {};
  ASSERT_EQ(::stat((to_ + "/0").c_str(), &info), 0);
  EXPECT_EQ(info.st_nlink, static_cast<nlink_t>(names));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(to_), {}), names);
}

TEST_P(CopyTreeTest, HolesStayHoles) {
  Write("sparse", std::string(4096, 'x'));
  ASSERT_EQ(::truncate((from_ + "/sparse").c_str(), kGiB), 0);
  const UniqueFd file(::open((from_ + "/sparse").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::pwrite(file.get(), "y", 1, kGiB / 2), 1);
  ASSERT_OK(Sync(file.get()));
  ASSERT_OK(Copy());
  struct stat info = {};
  ASSERT_EQ(::stat((to_ + "/sparse").c_str(), &info), 0);
  EXPECT_EQ(info.st_size, kGiB);
  EXPECT_LT(info.st_blocks * 512, kMiB);
}

TEST_P(CopyTreeTest, BlocksAreSharedWhereTheyCanBe) {
  Write("big", std::string(static_cast<size_t>(32 * kMiB), 'x'));
  ::sync();
  ASSERT_OK_AND_ASSIGN(const UniqueFd root, OpenPath(disk_->path(), O_RDONLY));
  const int64_t before = UsageOf(root.get())->free_bytes;
  ASSERT_OK(Copy());
  ::sync();
  const int64_t taken = before - UsageOf(root.get())->free_bytes;
  if (GetParam() == FilesystemType::kXfs) {
    EXPECT_THAT(taken, Lt(4 * kMiB));
  } else {
    EXPECT_THAT(taken, Ge(32 * kMiB));
  }
  ExpectSame();
}

TEST_P(CopyTreeTest, DeepTreeNeedsFewDescriptors) {
  // Longer than any path can be.
  constexpr int kDepth = 300;
  const std::string name(40, 'd');
  UniqueFd level(::open(from_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < kDepth; ++i) {
    ASSERT_OK(WriteNewFile(level.get(), "before", absl::StrCat(i), 0600));
    ASSERT_OK(MakeDirectory(level.get(), name, 0700));
    ASSERT_OK(WriteNewFile(level.get(), "z-after", absl::StrCat(i), 0600));
    ASSERT_OK_AND_ASSIGN(level, OpenDirectory(level.get(), name));
  }
  struct rlimit usual = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  struct rlimit few = usual;
  few.rlim_cur = 200;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const absl::Status copied = Copy();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  ASSERT_OK(copied);
  level = UniqueFd(::open(to_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < kDepth; ++i) {
    for (const char* file : {"before", "z-after"}) {
      ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(level.get(), file, 100));
      ASSERT_EQ(content, absl::StrCat(i));
    }
    ASSERT_OK_AND_ASSIGN(level, OpenDirectory(level.get(), name));
  }
}

TEST_P(CopyTreeTest, WideDirectoryIsCopiedWhole) {
  constexpr int kFiles = 3000;
  for (int i = 0; i < kFiles; ++i) Write(absl::StrCat("a rather long name for number ", i), "");
  ASSERT_OK(Copy());
  ExpectSame();
}

TEST_P(CopyTreeTest, SourceIsLeftAsItWas) {
  Write("file", "content");
  ASSERT_EQ(::mkdir((from_ + "/directory").c_str(), 0700), 0);
  SetTimes("file", 1000);
  const auto before = Description(from_).files();
  ASSERT_OK(Copy());
  EXPECT_EQ(Description(from_).files(), before);
}

TEST_P(CopyTreeTest, MountInTheTreeIsNotEntered) {
  ASSERT_EQ(::mkdir((from_ + "/directory").c_str(), 0700), 0);
  Write("file", "content");
  for (const char* name : {"/directory", "/file"}) {
    ASSERT_NO_FATAL_FAILURE(BindToItself(from_ + name));
    const absl::Cleanup unmount = [&] { EXPECT_OK(Unmount(from_ + name)); };
    EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("mounted")));
    std::filesystem::remove_all(to_);
    ASSERT_EQ(::mkdir(to_.c_str(), 0700), 0);
  }
}

TEST_P(CopyTreeTest, FileThatChangesMeanwhileIsNoticed) {
  Write("busy", std::string(static_cast<size_t>(kMiB), 'x'));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const UniqueFd file(::open((from_ + "/busy").c_str(), O_WRONLY | O_CLOEXEC));
    for (off_t at = 0; !stop; at = (at + 1) % kMiB) {
      if (::pwrite(file.get(), "y", 1, at) != 1) return;
    }
  });
  // The kernel's clock for files is coarse: one copy may be too quick to be disturbed.
  absl::Status copied;
  for (int i = 0; i < 5000 && copied.ok(); ++i) {
    std::filesystem::remove_all(to_);
    ASSERT_EQ(::mkdir(to_.c_str(), 0700), 0);
    copied = Copy();
  }
  stop = true;
  writer.join();
  EXPECT_THAT(copied, StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("copy \"busy\""), HasSubstr("was changed"))));
}

TEST_P(CopyTreeTest, FullFilesystemIsAnError) {
  // Links can't share blocks, and these need more than the 32 MiB that XFS keeps for itself.
  const std::string text(1000, 'l');
  for (int i = 0; i < 12000; ++i) {
    ASSERT_EQ(::symlink(text.c_str(), absl::StrCat(from_, "/", i).c_str()), 0);
  }
  ASSERT_OK_AND_ASSIGN(const UniqueFd root, OpenPath(disk_->path(), O_RDONLY));
  int files = 0;
  for (const int64_t bytes : {64 * kMiB, kMiB, 64 * kKiB}) {
    absl::Status filled;
    while (filled.ok()) {
      const auto file =
          OpenBeneath(root.get(), absl::StrCat("filler-", files++), O_RDWR | O_CREAT, 0600);
      filled = file.ok() ? Allocate(file->get(), bytes, /*keep_size=*/false) : file.status();
    }
  }
  EXPECT_THAT(Copy(), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace nodevol::host
