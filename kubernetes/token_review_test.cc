// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/token_review.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "test/support/fake_api_server.h"
#include "test/support/matchers.h"

namespace nodevol::kubernetes {
namespace {

using nodevol::testing::FakeApiServer;
using nodevol::testing::HttpsAnswer;
using nodevol::testing::HttpsRequest;
using nodevol::testing::kTestAudience;
using nodevol::testing::kTestServiceAccount;
using nodevol::testing::StatusIs;
using nodevol::testing::TokenStatus;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TokenReviewTest : public ::testing::Test {
 protected:
  absl::StatusOr<NodeIdentityOfToken> Review(const std::string& token) {
    return reviewer_.Review(token, kTestAudience);
  }
  // The token is refused, for this reason, and not in the error.
  void ExpectRefused(const TokenStatus& status, const std::string& reason) {
    const std::string token = server_.Issue(status);
    EXPECT_THAT(Review(token).status(), StatusIs(absl::StatusCode::kUnauthenticated,
                                                 AllOf(HasSubstr(reason), Not(HasSubstr(token)))));
  }

  FakeApiServer server_;
  ApiClient client_{server_.options()};
  ApiTokenReviewer reviewer_{client_, {.service_account = kTestServiceAccount}};
};

TEST_F(TokenReviewTest, NodesTokenIsAccepted) {
  const absl::Time end = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 600);
  ASSERT_OK_AND_ASSIGN(const NodeIdentityOfToken identity, Review(server_.Issue({}, end)));
  EXPECT_EQ(identity.node_name, "node-1");
  EXPECT_EQ(identity.node_uid, "uid-1");
  EXPECT_EQ(identity.username, "system:serviceaccount:storage:nodevol-node");
  EXPECT_EQ(identity.expiry, end);
}

TEST_F(TokenReviewTest, TokenThatNobodyHasIssuedIsRefused) {
  EXPECT_THAT(Review("made.up.token").status(),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("invalid bearer token")));
}

TEST_F(TokenReviewTest, TokenThatIsNotAuthenticatedIsRefused) {
  ExpectRefused({.authenticated = false, .error = "it was revoked"}, "it was revoked");
  ExpectRefused({.authenticated = false}, "does not accept");
}

TEST_F(TokenReviewTest, TokenOfAnotherAudienceIsRefused) {
  ExpectRefused({.audiences = {"https://kubernetes.default.svc"}}, "kubernetes.default.svc");
  ExpectRefused({.audiences = {}}, "--link-audience");
  EXPECT_OK(Review(server_.Issue({.audiences = {"another", kTestAudience}})));
}

TEST_F(TokenReviewTest, TokenOfNoNodeIsRefused) {
  ExpectRefused({.node_names = {}}, "node-name");
  ExpectRefused({.node_names = {""}}, "node-name");
  ExpectRefused({.node_uids = {}}, "node-uid");
}

TEST_F(TokenReviewTest, TokenOfTwoNodesIsRefused) {
  ExpectRefused({.node_names = {"node-1", "node-2"}}, "bound to one node");
  ExpectRefused({.node_uids = {"uid-1", "uid-2"}}, "bound to one node");
}

TEST_F(TokenReviewTest, TokenOfAnotherServiceAccountIsRefused) {
  for (const char* other :
       {"system:serviceaccount:default:nodevol-node", "system:serviceaccount:storage:default",
        "system:serviceaccount:storage:nodevol-node:x", "nodevol-node", "system:node:node-1", ""}) {
    ExpectRefused({.username = other}, "--link-service-account");
  }
}

TEST_F(TokenReviewTest, TokenThatHasEndedIsRefused) {
  EXPECT_THAT(Review(server_.Issue({}, absl::Now() - absl::Seconds(1))).status(),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("ended")));
}

TEST_F(TokenReviewTest, AnswerThatSaysNothingIsARefusal) {
  for (const char* answer :
       {"{}", R"({"status":null})", R"({"status":{"authenticated":"true"}})",
        R"({"status":[{"authenticated":true}]})", R"({"authenticated":true})"}) {
    server_.AnswerBy([answer](const HttpsRequest&) -> HttpsAnswer { return {201, answer}; });
    EXPECT_THAT(Review("a.b.c").status(), StatusIs(absl::StatusCode::kUnauthenticated)) << answer;
  }
}

TEST_F(TokenReviewTest, WhatTheServerDoesNotSayIsNoRefusal) {
  const std::string token = server_.Issue();
  server_.AnswerBy(
      [](const HttpsRequest&) -> HttpsAnswer { return {403, R"({"message":"no right"})"}; });
  EXPECT_THAT(Review(token).status(),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("no right"), HasSubstr("create tokenreviews"))));
  server_.AnswerBy([](const HttpsRequest&) -> HttpsAnswer { return {200, "<html>"}; });
  EXPECT_THAT(Review(token).status(), StatusIs(absl::StatusCode::kUnavailable));
  server_.AnswerBy({});
  server_.SetOwnToken("fresh");
  EXPECT_OK(Review(token));
  server_.Stop();
  EXPECT_THAT(Review("another.one.still").status(), StatusIs(absl::StatusCode::kUnavailable));
  server_.Start();
  EXPECT_OK(Review(server_.Issue()));
}

TEST_F(TokenReviewTest, TokenIsInNoErrorEvenIfTheServerRepeatsIt) {
  const std::string token = server_.Issue();
  server_.AnswerBy([&token](const HttpsRequest&) -> HttpsAnswer {
    return {201, absl::StrCat(R"({"status":{"authenticated":false,"error":"unknown: )", token,
                              R"("}})")};
  });
  EXPECT_THAT(Review(token).status(), StatusIs(absl::StatusCode::kUnauthenticated,
                                               AllOf(HasSubstr("unknown"), Not(HasSubstr(token)))));
  server_.AnswerBy([&token](const HttpsRequest&) -> HttpsAnswer {
    return {500, absl::StrCat(R"({"message":"confused by )", token, R"("})")};
  });
  EXPECT_THAT(Review(token).status(),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("confused"), Not(HasSubstr(token)))));
}

TEST_F(TokenReviewTest, WhatWasAcceptedIsAskedOnce) {
  const std::string token = server_.Issue();
  EXPECT_OK(Review(token));
  EXPECT_OK(Review(token));
  EXPECT_EQ(server_.Reviews(token), 1);
  // For another audience it is another question.
  EXPECT_THAT(reviewer_.Review(token, "another").status(),
              StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_EQ(server_.Reviews(token), 2);
}

TEST_F(TokenReviewTest, WhatWasRefusedIsAskedAgain) {
  const std::string token = server_.Issue({.authenticated = false});
  EXPECT_FALSE(Review(token).ok());
  EXPECT_FALSE(Review(token).ok());
  EXPECT_EQ(server_.Reviews(token), 2);
}

TEST_F(TokenReviewTest, WhatWasAcceptedLongAgoIsAskedAgain) {
  ApiTokenReviewer forgetful(
      client_, {.service_account = kTestServiceAccount, .cache_for = absl::ZeroDuration()});
  const std::string token = server_.Issue();
  EXPECT_OK(forgetful.Review(token, kTestAudience));
  EXPECT_OK(forgetful.Review(token, kTestAudience));
  EXPECT_EQ(server_.Reviews(token), 2);
}

TEST(ReviewCacheTest, ForgetsATokenThatHasEnded) {
  ReviewCache cache(absl::Hours(1));
  cache.Keep("ended", {"node-1", "uid-1", "user", absl::Now() - absl::Seconds(1)});
  cache.Keep("good", {"node-2", "uid-2", "user", absl::Now() + absl::Hours(1)});
  EXPECT_FALSE(cache.Find("ended").has_value());
  EXPECT_FALSE(cache.Find("unknown").has_value());
  ASSERT_TRUE(cache.Find("good").has_value());
  EXPECT_EQ(cache.Find("good")->node_name, "node-2");
}

TEST(ReviewCacheTest, KeepsTheLatestOfTooMany) {
  ReviewCache cache(absl::Hours(1));
  const NodeIdentityOfToken identity = {"n", "u", "user", absl::Now() + absl::Hours(1)};
  constexpr int kMany = 20'000;
  for (int i = 0; i < kMany; ++i) cache.Keep(absl::StrCat(i), identity);
  EXPECT_FALSE(cache.Find("0").has_value());
  EXPECT_TRUE(cache.Find(absl::StrCat(kMany - 1)).has_value());
}

TEST(ServiceAccountTest, IsANamespaceAndAName) {
  EXPECT_OK(CheckServiceAccount("kube-system/nodevol-node"));
  for (const char* bad : {"", "a", "/", "a/", "/b", "a/b/c", "a/B", "a:b/c", "a/b c"}) {
    EXPECT_THAT(CheckServiceAccount(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

}  // namespace
}  // namespace nodevol::kubernetes
