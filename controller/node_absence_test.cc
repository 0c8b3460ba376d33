// SPDX-License-Identifier: Apache-2.0
#include "controller/node_absence.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nodevol::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Objects = std::vector<kubernetes::NodeObject>;

// Nodes are forgotten after an hour; the API server is asked every ten seconds.
class NodeAbsenceTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kInterval = absl::Seconds(10);

  NodeAbsenceTest() {
    absence_.Connected("a");
    Answer(there_);
    absence_.Disconnected("a");
  }

  // One question, after an interval, and its answer.
  std::vector<std::string> Answer(const Objects& objects, absl::Duration interval = kInterval) {
    now_ += interval;
    absence_.Asked();
    return absence_.Answered(objects, now_);
  }
  void Fail() {
    now_ += kInterval;
    absence_.Asked();
    absence_.Unanswered();
  }
  // The same answer again and again. Returns how long until a node was gone; none: that has not
  // come.
  std::optional<absl::Duration> GoneAfter(const Objects& objects, absl::Duration wait) {
    const absl::Duration begin = now_;
    while (now_ - begin < wait) {
      if (!Answer(objects).empty()) return now_ - begin;
    }
    return std::nullopt;
  }

  const Objects there_ = {{"a", "uid-a"}, {"b", "uid-b"}};
  const Objects absent_ = {{"b", "uid-b"}};
  NodeAbsence absence_{absl::Hours(1)};
  absl::Duration now_ = absl::Hours(1000);
};

TEST_F(NodeAbsenceTest, NodeWhoseObjectIsAbsentForLongerIsGone) {
  EXPECT_FALSE(absence_.IsGone("a"));
  // From the first sight to the last.
  EXPECT_EQ(GoneAfter(absent_, absl::Hours(2)), kInterval + absl::Hours(1) + kInterval);
  EXPECT_TRUE(absence_.IsGone("a"));
  EXPECT_FALSE(absence_.IsGone("b"));
  EXPECT_THAT(Answer(absent_), IsEmpty()) << "it is told once";
  EXPECT_TRUE(absence_.IsGone("a"));
}

TEST_F(NodeAbsenceTest, NodeWhoseObjectIsThereIsNeverGone) {
  EXPECT_FALSE(GoneAfter(there_, absl::Hours(100)).has_value());
}

TEST_F(NodeAbsenceTest, MachineOfTheSameNameIsAnother) {
  EXPECT_TRUE(GoneAfter({{"a", "uid-of-another"}, {"b", "uid-b"}}, absl::Hours(2)).has_value());
}

TEST_F(NodeAbsenceTest, MachineThatConnectsForLessThanAnAnswerMayHaveAnyObjectOfItsName) {
  const Objects another = {{"a", "uid-of-another"}, {"b", "uid-b"}};
  absence_.Connected("a");
  absence_.Disconnected("a");
  EXPECT_FALSE(GoneAfter(another, absl::Hours(100)).has_value());
  EXPECT_TRUE(GoneAfter(absent_, absl::Hours(2)).has_value()) << "and none is none";
}

TEST_F(NodeAbsenceTest, ObjectThatWasSeenInBetweenBeginsTheTimeAnew) {
  EXPECT_FALSE(GoneAfter(absent_, absl::Minutes(59)).has_value());
  Answer(there_);
  EXPECT_FALSE(GoneAfter(absent_, absl::Minutes(59)).has_value());
}

TEST_F(NodeAbsenceTest, StreamBeginsTheTimeAnew) {
  EXPECT_FALSE(GoneAfter(absent_, absl::Minutes(59)).has_value());
  absence_.Connected("a");
  absence_.Disconnected("a");
  EXPECT_FALSE(GoneAfter(absent_, absl::Minutes(59)).has_value());
}

TEST_F(NodeAbsenceTest, NodeWithAStreamIsNeverGone) {
  absence_.Connected("a");
  EXPECT_FALSE(GoneAfter(absent_, absl::Hours(100)).has_value());
}

TEST_F(NodeAbsenceTest, TimeWithoutAnswersDoesNotCount) {
  Answer(absent_);
  for (int i = 0; i < 1000; ++i) Fail();
  EXPECT_THAT(Answer(absent_), IsEmpty());
  // Nor does a failure make what has passed undone.
  EXPECT_FALSE(GoneAfter(absent_, absl::Minutes(59)).has_value());
  Fail();
  EXPECT_TRUE(GoneAfter(absent_, absl::Minutes(2)).has_value());
}

TEST_F(NodeAbsenceTest, SilenceDoesNotCount) {
  Answer(absent_);
  // Nobody asked: the process stood still.
  EXPECT_THAT(Answer(absent_, absl::Hours(100)), IsEmpty());
  EXPECT_THAT(Answer(absent_, NodeAbsence::kLongestGap + absl::Seconds(1)), IsEmpty());
  EXPECT_FALSE(GoneAfter(absent_, absl::Minutes(59)).has_value());
}

TEST_F(NodeAbsenceTest, NodeThatConnectsAgainIsNotGoneAnyMore) {
  ASSERT_TRUE(GoneAfter(absent_, absl::Hours(2)).has_value());
  absence_.Connected("a");
  EXPECT_FALSE(absence_.IsGone("a"));
  // And may go again; it is still the object of before that is absent.
  absence_.Disconnected("a");
  EXPECT_TRUE(GoneAfter(absent_, absl::Hours(2)).has_value());
}

TEST_F(NodeAbsenceTest, ObjectThatIsBackFromABackupIsANodeThatIsThere) {
  ASSERT_TRUE(GoneAfter(absent_, absl::Hours(2)).has_value());
  Answer(there_);
  EXPECT_FALSE(absence_.IsGone("a"));
}

TEST_F(NodeAbsenceTest, NodeThatWasNeverSeenWithItsObjectIsNeverGone) {
  absence_.Connected("c");
  Answer(there_);
  absence_.Disconnected("c");
  EXPECT_FALSE(GoneAfter(there_, absl::Hours(100)).has_value());
  EXPECT_FALSE(absence_.IsGone("c"));
}

TEST_F(NodeAbsenceTest, ObjectOfAnAnswerToAnEarlierQuestionIsNotTheNodes) {
  // The machine of the name that was there when it was asked may be another.
  absence_.Asked();
  absence_.Connected("b");
  absence_.Answered(there_, now_);
  absence_.Disconnected("b");
  EXPECT_FALSE(GoneAfter({{"a", "uid-a"}}, absl::Hours(100)).has_value());
}

TEST_F(NodeAbsenceTest, ObjectThatIsMadeAnewWhileTheNodeIsConnectedIsItsOwn) {
  absence_.Connected("a");
  const Objects anew = {{"a", "uid-2"}};
  Answer(anew);
  absence_.Disconnected("a");
  EXPECT_FALSE(GoneAfter(anew, absl::Hours(100)).has_value());
  EXPECT_TRUE(GoneAfter(there_, absl::Hours(2)).has_value());
}

TEST_F(NodeAbsenceTest, SeveralMayGoAtOnce) {
  absence_.Connected("b");
  Answer(there_);
  absence_.Disconnected("b");
  std::vector<std::string> gone;
  for (int i = 0; i < 1000 && gone.empty(); ++i) gone = Answer({});
  EXPECT_THAT(gone, ElementsAre("a", "b"));
}

TEST_F(NodeAbsenceTest, ItIsOffWithoutAnEnd) {
  NodeAbsence off(absl::InfiniteDuration());
  off.Connected("a");
  off.Asked();
  off.Answered(there_, now_);
  off.Disconnected("a");
  for (int i = 0; i < 10000; ++i) {
    now_ += NodeAbsence::kLongestGap;
    off.Asked();
    EXPECT_THAT(off.Answered(absent_, now_), IsEmpty());
  }
  EXPECT_FALSE(off.IsGone("a"));
}

}  // namespace
}  // namespace nodevol::controller
