// SPDX-License-Identifier: Apache-2.0
#include "admin/orphans.h"

#include "test/support/matchers.h"

namespace nodevol::admin {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr char kPool[] = "d957c011f7cb0a332b5fd58062c03686";
constexpr int64_t kMade = 1000000;

std::string Id(char digit) { return std::string(kPool) + "." + std::string(32, digit); }

TEST(HandlesTest, AreOneALine) {
  ASSERT_OK_AND_ASSIGN(const Handles handles, ParseHandles(Id('1') + "\n\n  static:x \r\n" +
                                                           Id('1') + "\nother-driver\n"));
  EXPECT_THAT(handles.all, UnorderedElementsAre(Id('1'), "static:x", "other-driver"));
  EXPECT_EQ(handles.ours, 1U);
  EXPECT_FALSE(handles.cut);
}

TEST(HandlesTest, OutputOfAnotherCommandIsRefused) {
  EXPECT_THAT(ParseHandles("NAME   CAPACITY\npv-1   1Gi\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("line 1"), HasSubstr("NAME   CAPACITY"))));
}

TEST(HandlesTest, ListThatMayBeIncompleteIsNotBelieved) {
  const auto check = [](const std::string& text, bool none_expected) {
    const absl::StatusOr<Handles> handles = ParseHandles(text);
    EXPECT_OK(handles);
    return CheckComplete(*handles, none_expected, "--handles");
  };
  const auto refused = [](const std::string& what) {
    return StatusIs(absl::StatusCode::kFailedPrecondition,
                    AllOf(HasSubstr("--handles: "), HasSubstr(what)));
  };
  EXPECT_OK(check(Id('1') + "\n", false));
  EXPECT_THAT(check("", false), refused("the list of handles is empty"));
  EXPECT_THAT(check("\n\n", false), refused("the list of handles is empty"));
  EXPECT_THAT(check("another-drivers\n", false), refused("none of the handles is of this driver"));
  EXPECT_THAT(check(Id('1'), false), refused("cut off"));
  EXPECT_THAT(check(Id('1') + "\n" + Id('2').substr(0, 40), true), refused("cut off"));
  EXPECT_OK(check("", true));
  EXPECT_OK(check("another-drivers\n", true));
}

v1::Volume Volume(char digit, int64_t age_seconds) {
  v1::Volume volume;
  volume.set_id(Id(digit));
  volume.set_state("idle");
  volume.mutable_created()->set_seconds(kMade - age_seconds);
  return volume;
}

std::vector<std::string> OrphansAmong(const std::vector<v1::Volume>& volumes,
                                      absl::Duration least_age, int64_t* young = nullptr) {
  Handles handles = ParseHandles(Id('1') + "\n").value();
  handles.made = absl::FromUnixSeconds(kMade);
  v1::ListVolumesResponse list;
  *list.mutable_volumes() = {volumes.begin(), volumes.end()};
  v1::OrphanReport report;
  AddOrphans(handles, least_age, list, report);
  std::vector<std::string> ids;
  for (const v1::Volume& volume : report.volumes()) ids.push_back(volume.id());
  if (young != nullptr) *young = report.too_young();
  return ids;
}

TEST(OrphansTest, AreThoseWithoutAHandle) {
  EXPECT_THAT(OrphansAmong({Volume('1', 7200), Volume('2', 7200)}, absl::Hours(1)),
              ElementsAre(Id('2')));
}

TEST(OrphansTest, YoungOnesAreCountedOnly) {
  int64_t young = 0;
  // The last was made after the list.
  EXPECT_THAT(
      OrphansAmong({Volume('2', 3600), Volume('3', 3599), Volume('4', -5)}, absl::Hours(1), &young),
      ElementsAre(Id('2')));
  EXPECT_EQ(young, 2);
  EXPECT_THAT(OrphansAmong({Volume('4', -5)}, absl::ZeroDuration(), &young), ElementsAre());
  EXPECT_EQ(young, 1);
}

TEST(OrphansTest, InlineAndDamagedVolumesAreNone) {
  v1::Volume of_a_pod = Volume('2', 7200);
  of_a_pod.set_inline_target_path("/var/lib/kubelet/pods/x");
  v1::Volume damaged = Volume('3', 7200);
  damaged.set_state("damaged");
  damaged.clear_created();
  EXPECT_THAT(OrphansAmong({of_a_pod, damaged}, absl::ZeroDuration()), ElementsAre());
}

TEST(OrphansTest, SnapshotsAreTreatedAlike) {
  Handles handles = ParseHandles(Id('1') + "\n").value();
  handles.made = absl::FromUnixSeconds(kMade);
  v1::ListSnapshotsResponse list;
  for (const char digit : {'1', '2'}) {
    v1::Snapshot& snapshot = *list.add_snapshots();
    snapshot.set_id(Id(digit));
    snapshot.mutable_created()->set_seconds(kMade - 7200);
  }
  v1::OrphanReport report;
  AddOrphans(handles, absl::Hours(1), list, report);
  ASSERT_EQ(report.snapshots_size(), 1);
  EXPECT_EQ(report.snapshots(0).id(), Id('2'));
}

}  // namespace
}  // namespace nodevol::admin
