// SPDX-License-Identifier: Apache-2.0
#include "node/target_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::node {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::NewDirectory;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

class TargetPathTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string Path(const std::string& name) const {
    return absl::StrCat(directory_, "/", name);
  }
  [[nodiscard]] TargetPath Open(const std::string& name) const {
    return OpenTarget(Path(name)).value();
  }
  void MakeFile(const std::string& name, const std::string& content) const {
    std::ofstream(Path(name)) << content;
  }
  // What is at the path: "directory", "file", "link", "other" or "nothing".
  [[nodiscard]] std::string At(const std::string& name) const {
    struct stat info = {};
    if (::lstat(Path(name).c_str(), &info) != 0) return "nothing";
    if (S_ISDIR(info.st_mode)) return "directory";
    if (S_ISREG(info.st_mode)) return "file";
    return S_ISLNK(info.st_mode) ? "link" : "other";
  }

  const std::string directory_ = NewDirectory();
};

TEST_F(TargetPathTest, NameAndParentAreTakenApart) {
  for (const std::string& path :
       {Path("target"), Path("target/"), Path("/target//"), Path("./target"), Path("target/."),
        absl::StrCat("/", directory_, "/././target/./")}) {
    ASSERT_OK_AND_ASSIGN(const TargetPath target, OpenTarget(path));
    EXPECT_EQ(target.name, "target") << path;
    EXPECT_EQ(target.canonical, Path("target")) << path;
    EXPECT_TRUE(target.parent.valid());
  }
  ASSERT_OK_AND_ASSIGN(const TargetPath top, OpenTarget("/target"));
  EXPECT_EQ(top.canonical, "/target");
}

TEST_F(TargetPathTest, RelativeAndClimbingPathsAreInvalid) {
  for (const std::string& path :
       {std::string(), std::string("/"), std::string("//"), std::string("/."), std::string("."),
        std::string("target"), std::string("./target"), std::string(".."), std::string("/.."),
        Path(".."), Path("../target"), Path("x/../target"), Path("target/.."),
        Path(std::string(256, 'x'))}) {
    EXPECT_THAT(OpenTarget(path), StatusIs(absl::StatusCode::kInvalidArgument)) << path;
  }
  EXPECT_OK(OpenTarget(Path("..target")));
  EXPECT_OK(OpenTarget(Path(std::string(255, 'x'))));
}

TEST_F(TargetPathTest, LinksInTheParentAreFollowedAndNotInTheName) {
  const std::string elsewhere = NewDirectory();
  ASSERT_EQ(::symlink(elsewhere.c_str(), Path("link").c_str()), 0);
  ASSERT_OK_AND_ASSIGN(const TargetPath beneath, OpenTarget(Path("link/target")));
  EXPECT_EQ(beneath.canonical, elsewhere + "/target");
  ASSERT_OK_AND_ASSIGN(const TargetPath link, OpenTarget(Path("link")));
  EXPECT_EQ(link.canonical, Path("link"));
  ASSERT_OK_AND_ASSIGN(const std::optional<UniqueFd> seen, LookUp(link));
  ASSERT_OK_AND_ASSIGN(const host::FileInfo info, host::Inspect(seen->get()));
  EXPECT_TRUE(S_ISLNK(info.mode));
}

TEST_F(TargetPathTest, MissingParentIsSaidApart) {
  MakeFile("file", "");
  EXPECT_THAT(OpenTarget(Path("none/target")), ErrnoIs(ENOENT));
  EXPECT_THAT(OpenTarget(Path("file/target")), ErrnoIs(ENOTDIR));
  EXPECT_TRUE(IsMissing(OpenTarget(Path("none/target")).status()));
  EXPECT_TRUE(IsMissing(OpenTarget(Path("file/target")).status()));
  EXPECT_FALSE(IsMissing(OpenTarget("relative").status()));
  EXPECT_FALSE(IsMissing(absl::OkStatus()));
}

TEST_F(TargetPathTest, LookUpSeesWhatIsThereNow) {
  const TargetPath target = Open("target");
  ASSERT_OK_AND_ASSIGN(const auto nothing, LookUp(target));
  EXPECT_FALSE(nothing.has_value());
  MakeFile("target", "");
  ASSERT_OK_AND_ASSIGN(const auto something, LookUp(target));
  EXPECT_TRUE(something.has_value());
}

TEST_F(TargetPathTest, NewTargetIsRemovedUnlessKept) {
  for (const auto& [kind, made] :
       {std::pair(TargetKind::kDirectory, "directory"), std::pair(TargetKind::kFile, "file")}) {
    const TargetPath target = Open("target");
    {
      ASSERT_OK_AND_ASSIGN(const NewTarget fresh, NewTarget::Make(target, kind));
      EXPECT_EQ(At("target"), made);
    }
    EXPECT_EQ(At("target"), "nothing");
    {
      ASSERT_OK_AND_ASSIGN(NewTarget fresh, NewTarget::Make(target, kind));
      fresh.Keep();
    }
    EXPECT_EQ(At("target"), made);
    {
      ASSERT_OK_AND_ASSIGN(const NewTarget existing, NewTarget::Make(target, kind));
    }
    EXPECT_EQ(At("target"), made) << "what was there before stays";
    ASSERT_OK(RemoveTarget(target));
  }
}

TEST_F(TargetPathTest, TargetOfTheOtherKindIsRefusedAndLeft) {
  ASSERT_EQ(::mkdir(Path("directory").c_str(), 0700), 0);
  MakeFile("file", "");
  ASSERT_EQ(::symlink("directory", Path("link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", Path("dangling").c_str()), 0);
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  for (const auto& [name, kind] :
       {std::pair("directory", TargetKind::kFile), std::pair("file", TargetKind::kDirectory),
        std::pair("link", TargetKind::kDirectory), std::pair("link", TargetKind::kFile),
        std::pair("dangling", TargetKind::kDirectory), std::pair("dangling", TargetKind::kFile),
        std::pair("fifo", TargetKind::kFile)}) {
    const TargetPath target = Open(name);
    const std::string before = At(name);
    EXPECT_THAT(NewTarget::Make(target, kind),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(Path(name))));
    EXPECT_EQ(At(name), before);
  }
  EXPECT_EQ(At("nowhere"), "nothing") << "a dangling link is not written through";
}

TEST_F(TargetPathTest, RemoveTakesEmptyDirectoriesAndFiles) {
  ASSERT_EQ(::mkdir(Path("directory").c_str(), 0700), 0);
  MakeFile("file", "");
  for (const char* const name : {"directory", "file", "nothing"}) {
    EXPECT_OK(RemoveTarget(Open(name)));
    EXPECT_EQ(At(name), "nothing");
  }
}

TEST_F(TargetPathTest, RemoveLeavesWhatHasContentOrIsNotOurs) {
  ASSERT_EQ(::mkdir(Path("directory").c_str(), 0700), 0);
  MakeFile("directory/precious", "");
  MakeFile("file", "precious");
  ASSERT_EQ(::symlink("directory", Path("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  for (const char* const name : {"directory", "file", "link", "fifo"}) {
    EXPECT_THAT(RemoveTarget(Open(name)),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(Path(name))));
    EXPECT_NE(At(name), "nothing");
  }
  EXPECT_EQ(At("directory/precious"), "file");
}

}  // namespace
}  // namespace nodevol::node
