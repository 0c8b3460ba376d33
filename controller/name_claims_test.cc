// SPDX-License-Identifier: Apache-2.0
#include "controller/name_claims.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "link/outcome.h"
#include "test/support/matchers.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class NameClaimsTest : public ::testing::Test {
 protected:
  static constexpr size_t kNamesPerNode = 4;

  NameClaimsTest() {
    Connect("x");
    Connect("y");
  }
  void Connect(const std::string& node) {
    claims_->Came(node);
    claims_->Told(node);
  }
  absl::StatusOr<std::shared_ptr<NameHold>> Hold(const std::string& name, const std::string& node) {
    return claims_->Hold(name, node, name);
  }
  static absl::Status Unknown() { return link::WithUnknownOutcome(absl::UnavailableError("cut")); }
  // The node's stream ends while something is made of the name at this replica's command.
  void Lose(const std::string& name, const std::string& node) {
    ASSERT_OK_AND_ASSIGN(const std::shared_ptr<NameHold> hold, Hold(name, node));
    claims_->Left(node);
    hold->End(Unknown());
  }

  const std::shared_ptr<NameClaims> claims_ = std::make_shared<NameClaims>(kNamesPerNode);
};

TEST_F(NameClaimsTest, NameIsMadeAtOneNodeAtATime) {
  {
    ASSERT_OK_AND_ASSIGN(const std::shared_ptr<NameHold> hold, Hold("a", "x"));
    EXPECT_THAT(Hold("a", "x"), StatusIs(absl::StatusCode::kAborted));
    EXPECT_THAT(Hold("a", "y"), StatusIs(absl::StatusCode::kAborted, HasSubstr("node x")));
    EXPECT_THAT(claims_->CheckFree("a", "a"), StatusIs(absl::StatusCode::kAborted));
    EXPECT_THAT(claims_->Claim("a", "y"), StatusIs(absl::StatusCode::kAborted));
    EXPECT_OK(claims_->Claim("a", "x"));
    EXPECT_OK(Hold("b", "y"));
  }
  EXPECT_THAT(Hold("a", "y"), StatusIs(absl::StatusCode::kAborted)) << "it is claimed still";
  claims_->Release("a", "y");  // which has not claimed it
  EXPECT_THAT(Hold("a", "y"), StatusIs(absl::StatusCode::kAborted));
  claims_->Release("a", "x");
  EXPECT_OK(Hold("a", "y"));
}

TEST_F(NameClaimsTest, UnknownOutcomeIsDoubtUntilTheNodeHasToldAllAnew) {
  ASSERT_NO_FATAL_FAILURE(Lose("a", "x"));
  const auto is_away =
      StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("node x"), HasSubstr("is away")));
  EXPECT_THAT(claims_->CheckFree("a", "a"), is_away);
  EXPECT_THAT(Hold("a", "y"), is_away);
  EXPECT_THAT(claims_->Claim("a", "y"), is_away);
  EXPECT_OK(claims_->CheckFree("b", "b"));
  claims_->Came("x");
  EXPECT_THAT(claims_->CheckFree("a", "a"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("has not told")));
  claims_->Left("x");  // before it has told all
  EXPECT_THAT(Hold("a", "y"), is_away);
  Connect("x");
  EXPECT_OK(claims_->CheckFree("a", "a"));
  EXPECT_OK(Hold("a", "y"));
  claims_->Left("x");
  EXPECT_OK(Hold("a", "y")) << "in doubt again";
}

TEST_F(NameClaimsTest, KnownOutcomeLeavesNoDoubt) {
  for (const absl::Status& result :
       {absl::OkStatus(), absl::UnavailableError("not sent"), absl::InternalError("disk")}) {
    Connect("x");
    ASSERT_OK_AND_ASSIGN(const std::shared_ptr<NameHold> hold, Hold("a", "x"));
    claims_->Left("x");
    hold->End(result);
    EXPECT_OK(claims_->CheckFree("a", "a")) << result;
  }
  Connect("x");
  EXPECT_OK(Hold("a", "x"));  // dropped: nothing was asked for
  claims_->Left("x");
  EXPECT_OK(claims_->CheckFree("a", "a"));
}

TEST_F(NameClaimsTest, OutcomeThatIsLostLateIsInTheInventoryAlready) {
  ASSERT_OK_AND_ASSIGN(const std::shared_ptr<NameHold> told, Hold("a", "x"));
  ASSERT_OK_AND_ASSIGN(const std::shared_ptr<NameHold> untold, Hold("b", "x"));
  claims_->Came("x");  // in the place of the stream before
  untold->End(Unknown());
  EXPECT_THAT(claims_->CheckFree("b", "b"), StatusIs(absl::StatusCode::kUnavailable));
  claims_->Told("x");
  EXPECT_OK(claims_->CheckFree("b", "b"));
  told->End(Unknown());
  EXPECT_OK(claims_->CheckFree("a", "a"));
}

TEST_F(NameClaimsTest, NodeItselfMayBeAskedAgainWhichDoesNotEndTheDoubt) {
  ASSERT_NO_FATAL_FAILURE(Lose("a", "x"));
  claims_->Came("x");
  ASSERT_OK_AND_ASSIGN(const std::shared_ptr<NameHold> hold, Hold("a", "x"));
  EXPECT_THAT(Hold("a", "x"), StatusIs(absl::StatusCode::kAborted));
  hold->End(absl::AbortedError("the first is under way still"));
  EXPECT_THAT(Hold("a", "y"), StatusIs(absl::StatusCode::kUnavailable));
  claims_->Told("x");
  EXPECT_OK(Hold("a", "y"));
}

TEST_F(NameClaimsTest, ClaimWhoseStreamEndsIsDoubt) {
  ASSERT_OK(claims_->Claim("a", "x"));
  claims_->Left("x");
  claims_->Lose("a", "x");
  EXPECT_THAT(Hold("a", "y"), StatusIs(absl::StatusCode::kUnavailable));
  // It is being made still, which the node tells before all else.
  claims_->Came("x");
  EXPECT_OK(claims_->Claim("a", "x"));
  claims_->Told("x");
  EXPECT_THAT(Hold("a", "y"), StatusIs(absl::StatusCode::kAborted, HasSubstr("node x")));
  claims_->Release("a", "x");
  EXPECT_OK(Hold("a", "y"));
}

TEST_F(NameClaimsTest, NothingIsInDoubtAtANodeThatIsGoneForGood) {
  ASSERT_NO_FATAL_FAILURE(Lose("a", "x"));
  ASSERT_NO_FATAL_FAILURE(Lose("b", "y"));
  claims_->Forget("x");
  EXPECT_OK(claims_->CheckFree("a", "a"));
  EXPECT_THAT(claims_->CheckFree("b", "b"), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(NameClaimsTest, NodeHasRoomForSomeNamesAndNoneIsForgotten) {
  std::vector<std::shared_ptr<NameHold>> holds;
  for (size_t i = 0; i < kNamesPerNode; ++i) {
    ASSERT_OK_AND_ASSIGN(holds.emplace_back(), Hold(absl::StrCat(i), "x"));
  }
  claims_->Left("x");
  for (const std::shared_ptr<NameHold>& hold : holds) hold->End(Unknown());
  const auto is_full = StatusIs(absl::StatusCode::kUnavailable, HasSubstr("node x"));
  EXPECT_THAT(Hold("one more", "x"), is_full);
  EXPECT_THAT(claims_->Claim("one more", "x"), is_full);
  EXPECT_OK(Hold("one more", "y"));
  for (size_t i = 0; i < kNamesPerNode; ++i) {
    EXPECT_THAT(claims_->CheckFree(absl::StrCat(i), ""), StatusIs(absl::StatusCode::kUnavailable));
  }
  Connect("x");
  for (int i = 0; i < 100; ++i) EXPECT_OK(Hold(absl::StrCat("after ", i), "x"));
  for (int i = 0; i < 100; ++i) {
    EXPECT_OK(claims_->Claim(absl::StrCat("after ", i), "x"));
    claims_->Release(absl::StrCat("after ", i), "x");
  }
}

}  // namespace
}  // namespace nodevol::controller
