// SPDX-License-Identifier: Apache-2.0
//
// Volumes that no PersistentVolume names: found, and deleted only on command.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

#include "test/service/admin_command.h"
#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class OrphansTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(StartNode({.ground = BlockOnXfs()}));
    ASSERT_OK_AND_ASSIGN(known_, node().CreateVolume("known"));
    ASSERT_OK_AND_ASSIGN(orphan_, node().CreateVolume("orphan"));
  }

  CommandResult Orphans(const std::string& flags, const std::string& handles) {
    return RunOn(node(), absl::StrCat("orphans --handles -", flags), {.input = handles});
  }
  [[nodiscard]] bool Exists(const std::string& id) const {
    csi::v1::ControllerGetVolumeRequest request;
    request.set_volume_id(id);
    return client().csi().Call(&CsiClient::Controller::ControllerGetVolume, request).ok();
  }

  std::string known_;
  std::string orphan_;
};

TEST_F(OrphansTest, AreListedAndCountedOnly) {
  const CommandResult list = Orphans(" --min-age 0", known_ + "\n");
  EXPECT_THAT(list,
              EndedWith(0, AllOf(HasSubstr("orphan"), HasSubstr(orphan_), Not(HasSubstr(known_)))));
  EXPECT_EQ(Orphans(" --min-age 0 --fail", known_ + "\n").exit, 1);
  EXPECT_THAT(Orphans(" --min-age 0 --fail", known_ + "\n" + orphan_ + "\n"),
              EndedWith(0, HasSubstr("Every volume has a PersistentVolume")));
  EXPECT_TRUE(Exists(orphan_));
}

TEST_F(OrphansTest, YoungVolumesAreLeftAlone) {
  EXPECT_THAT(
      Orphans(" --delete --yes", known_ + "\n"),
      EndedWith(0, AllOf(HasSubstr("1 more are younger than --min-age"), Not(HasSubstr(orphan_)))));
  EXPECT_TRUE(Exists(orphan_));
}

// What was made after the list can't be in it.
TEST_F(OrphansTest, FileIsAsOldAsItWasWritten) {
  const std::string file = node().directory() + "/handles";
  std::ofstream(file) << known_ << "\n";
  const auto hour_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::filesystem::last_write_time(file, hour_ago);
  EXPECT_THAT(RunOn(node(), "orphans --delete --yes --min-age 0 --handles " + file),
              EndedWith(0, HasSubstr("1 more are younger")));
  EXPECT_TRUE(Exists(orphan_));
}

TEST_F(OrphansTest, DeletionNeedsTheWord) {
  EXPECT_THAT(Orphans(" --min-age 0 --delete", known_ + "\n"),
              EndedWith(2, AllOf(HasSubstr(orphan_), HasSubstr("nothing was deleted"),
                                 HasSubstr("--delete --yes"))));
  EXPECT_TRUE(Exists(orphan_));
  EXPECT_THAT(Orphans(" --min-age 0 --delete --yes", known_ + "\n"),
              EndedWith(0, HasSubstr(orphan_ + " deleted")));
  EXPECT_FALSE(Exists(orphan_));
  EXPECT_TRUE(Exists(known_));
}

TEST_F(OrphansTest, BrokenListDeletesNothing) {
  const std::string flags = " --min-age 0 --delete --yes";
  EXPECT_THAT(Orphans(flags, ""), EndedWith(1, HasSubstr("the list of handles is empty")));
  EXPECT_THAT(Orphans(flags, "Error from server (Forbidden)\n"),
              EndedWith(2, HasSubstr("has several words")));
  EXPECT_THAT(Orphans(flags, "error\n"), EndedWith(1, HasSubstr("none of the handles")));
  EXPECT_THAT(Orphans(flags, known_ + "\n" + orphan_.substr(0, 20)),
              EndedWith(1, HasSubstr("cut off")));
  EXPECT_TRUE(Exists(orphan_));
  EXPECT_TRUE(Exists(known_));
  // Said in so many words it is right.
  EXPECT_EQ(Orphans(flags + " --no-volumes-expected", "").exit, 0);
  EXPECT_FALSE(Exists(orphan_));
  EXPECT_FALSE(Exists(known_));
}

TEST_F(OrphansTest, VolumeInUseIsNotDeletedAndOthersAre) {
  ASSERT_OK_AND_ASSIGN(const std::string used, node().CreateVolume("used"));
  const Pod pod(used, node().directory(), "pod");
  ASSERT_OK(pod.Start(client()));
  EXPECT_THAT(Orphans(" --min-age 0 --delete --yes", known_ + "\n"),
              EndedWith(1, AllOf(HasSubstr(orphan_ + " deleted"),
                                 HasSubstr(used + " not deleted: the volume is in use"))));
  EXPECT_TRUE(Exists(used));
  EXPECT_FALSE(Exists(orphan_));
  ASSERT_OK(pod.Stop(client()));
}

TEST_F(OrphansTest, SnapshotsToo) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot kept, client().Snapshot("kept", known_));
  ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot lost, client().Snapshot("lost", known_));
  const CommandResult result =
      RunOn(node(), "orphans --min-age 0 --delete --yes --snapshot-handles -",
            {.input = kept.snapshot_id() + "\n"});
  EXPECT_THAT(result, EndedWith(0, AllOf(HasSubstr(lost.snapshot_id() + " deleted"),
                                         Not(HasSubstr(kept.snapshot_id() + " ")))));
  EXPECT_TRUE(Exists(orphan_)) << "volumes were not asked for";
  EXPECT_THAT(RunOn(node(), "snapshot list").out, AllOf(HasSubstr("kept"), Not(HasSubstr("lost"))));
}

}  // namespace
}  // namespace nodevol::testing
