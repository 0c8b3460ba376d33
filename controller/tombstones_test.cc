// SPDX-License-Identifier: Apache-2.0
#include "controller/tombstones.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "storage/ids.h"
#include "test/support/matchers.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using storage::ObjectKind;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kPool[] = "11111111111111111111111111111111";
constexpr char kOtherPool[] = "22222222222222222222222222222222";

std::string IdOf(const std::string& name, const std::string& pool = kPool) {
  return storage::VolumeId::ForName(pool, name).text();
}

Tombstone Volume(const std::string& id) {
  return {{ObjectKind::kVolume, id, {}}, absl::FromUnixSeconds(1), "node-1"};
}

std::vector<std::string> Take(Tombstones& tombstones, size_t limit = 100) {
  std::vector<std::string> ids;
  for (const Tombstone& tombstone : tombstones.Take(kPool, limit))
    ids.push_back(tombstone.object.id);
  return ids;
}

TEST(TombstonesTest, WhatIsBuriedIsFoundByItsIdAndItsPool) {
  Tombstones tombstones;
  EXPECT_THAT(tombstones.Pools(), IsEmpty());
  ASSERT_OK(tombstones.Bury(Volume(IdOf("a"))));
  ASSERT_OK(tombstones.Bury(Volume(IdOf("b"))));
  ASSERT_OK(tombstones.Bury(Volume(IdOf("c", kOtherPool))));
  EXPECT_TRUE(tombstones.IsBuried(IdOf("a")));
  EXPECT_FALSE(tombstones.IsBuried(IdOf("a", kOtherPool)));
  EXPECT_THAT(tombstones.BuriedIn(kPool), UnorderedElementsAre(IdOf("a"), IdOf("b")));
  EXPECT_THAT(tombstones.BuriedIn("33333333333333333333333333333333"), IsEmpty());
  EXPECT_THAT(tombstones.Pools(), ElementsAre(kPool, kOtherPool));
  EXPECT_EQ(tombstones.size(), 3U);
  tombstones.Forget(IdOf("c", kOtherPool));
  EXPECT_FALSE(tombstones.IsBuried(IdOf("c", kOtherPool)));
  EXPECT_THAT(tombstones.Pools(), ElementsAre(kPool));
  EXPECT_EQ(tombstones.size(), 2U);
}

TEST(TombstonesTest, GroupIsBuriedWithItsMembersWhereverTheyAre) {
  Tombstones tombstones;
  const std::vector<std::string> members = {IdOf("m"), IdOf("n", kOtherPool)};
  ASSERT_OK(tombstones.Bury({{ObjectKind::kGroup, IdOf("g"), members}, absl::Now(), "node-1"}));
  for (const std::string& member : members) EXPECT_TRUE(tombstones.IsBuried(member));
  EXPECT_THAT(tombstones.BuriedIn(kOtherPool), ElementsAre(IdOf("n", kOtherPool)));
  EXPECT_THAT(tombstones.BuriedIn(kPool), SizeIs(2));
  // They are deleted with the group only.
  EXPECT_THAT(tombstones.Pools(), ElementsAre(kPool));
  const std::vector<Tombstone> due = tombstones.Take(kPool, 100);
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].object.members, members);
  tombstones.Forget(IdOf("g"));
  EXPECT_EQ(tombstones.size(), 0U);
  EXPECT_FALSE(tombstones.IsBuried(members[0]));
}

TEST(TombstonesTest, EachIsTakenOnceUntilItHasFailedAndTheOthersHadTheirTurn) {
  Tombstones tombstones;
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK(tombstones.Bury(Volume(IdOf(absl::StrCat(i)))));
  }
  ids = tombstones.BuriedIn(kPool);
  EXPECT_THAT(Take(tombstones, 3), ElementsAre(ids[0], ids[1], ids[2]));
  EXPECT_TRUE(tombstones.Failed(ids[0], absl::StatusCode::kFailedPrecondition));
  tombstones.Forget(ids[1]);
  EXPECT_THAT(Take(tombstones, 3), ElementsAre(ids[3], ids[4]));
  EXPECT_THAT(Take(tombstones), IsEmpty());
  EXPECT_THAT(Take(tombstones), ElementsAre(ids[0]));
  // It is still being done.
  EXPECT_THAT(Take(tombstones), IsEmpty());
  EXPECT_THAT(Take(tombstones), IsEmpty());
  EXPECT_TRUE(tombstones.IsBuried(ids[0]));
}

TEST(TombstonesTest, FailureIsNewWhenItIsAnother) {
  Tombstones tombstones;
  ASSERT_OK(tombstones.Bury(Volume(IdOf("a"))));
  EXPECT_TRUE(tombstones.Failed(IdOf("a"), absl::StatusCode::kUnavailable));
  EXPECT_FALSE(tombstones.Failed(IdOf("a"), absl::StatusCode::kUnavailable));
  EXPECT_TRUE(tombstones.Failed(IdOf("a"), absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(tombstones.Failed(IdOf("b"), absl::StatusCode::kUnavailable));
}

TEST(TombstonesTest, WhatIsBuriedAlreadyStaysAsItWas) {
  Tombstones tombstones;
  ASSERT_OK(tombstones.Bury(Volume(IdOf("a"))));
  Tombstone later = Volume(IdOf("a"));
  later.made = absl::FromUnixSeconds(2);
  EXPECT_OK(tombstones.Bury(std::move(later)));
  EXPECT_EQ(tombstones.size(), 1U);
  const std::vector<Tombstone> due = tombstones.Take(kPool, 1);
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].made, absl::FromUnixSeconds(1));
}

TEST(TombstonesTest, WhatThereIsNoRoomForIsRefusedAndNothingIsForgotten) {
  Tombstones tombstones(3);
  ASSERT_OK(tombstones.Bury(Volume(IdOf("a"))));
  // A group of two has three ids.
  EXPECT_THAT(
      tombstones.Bury(
          {{ObjectKind::kGroup, IdOf("g"), {IdOf("m"), IdOf("n")}}, absl::Now(), "node-1"}),
      StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("node-1"), HasSubstr("Restart"))));
  EXPECT_FALSE(tombstones.IsBuried(IdOf("m")));
  ASSERT_OK(tombstones.Bury(Volume(IdOf("b"))));
  ASSERT_OK(tombstones.Bury(Volume(IdOf("c"))));
  EXPECT_THAT(tombstones.Bury(Volume(IdOf("d"))), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_OK(tombstones.Bury(Volume(IdOf("a")))) << "it is there already";
  EXPECT_THAT(tombstones.BuriedIn(kPool), SizeIs(3));
  tombstones.Forget(IdOf("b"));
  EXPECT_OK(tombstones.Bury(Volume(IdOf("d"))));
}

}  // namespace
}  // namespace nodevol::controller
