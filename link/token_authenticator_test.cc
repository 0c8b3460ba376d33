// SPDX-License-Identifier: Apache-2.0
//
// Nodes that prove by a token who they are, over TCP, with a stand-in for the API server.
#include "link/token_authenticator.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

#include "base/log.h"
#include "link/token_link_fixture.h"
#include "test/support/fake_api_server.h"

namespace nodevol::link {
namespace {

using kubernetes::NodeIdentityOfToken;
using nodevol::testing::FakeApiServer;
using nodevol::testing::HttpsAnswer;
using nodevol::testing::HttpsRequest;
using nodevol::testing::kTestAudience;
using nodevol::testing::kTestServiceAccount;
using nodevol::testing::StatusIs;
using storage::Eventually;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TokenAuthenticatorTest : public TokenLinkFixture {
 protected:
  // What gRPC's thread would ask with such a token.
  static absl::StatusOr<Peer> Ask(TokenAuthenticator& authenticator, const std::string& token) {
    PeerEvidence evidence;
    evidence.token = token;
    return storage::Await<Peer>(
        [&](Callback<Peer> done) { authenticator.Authenticate(evidence, std::move(done)); });
  }

  FakeApiServer api_;
  kubernetes::ApiClient client_{api_.options()};
  kubernetes::ApiTokenReviewer reviewer_{client_, {.service_account = kTestServiceAccount}};
  TokenAuthenticator authenticator_{reviewer_, kTestAudience};
};

TEST_F(TokenAuthenticatorTest, NodeConnectsAndWorks) {
  StartServer(authenticator_);
  const std::string token = api_.Issue();
  Write("token", token + "\n");
  const std::unique_ptr<LinkClient> client = Client();
  ASSERT_TRUE(Connects(*client));
  replica_.AwaitComplete();
  nodevol::v1::VolumeRequest request;
  request.set_name("a");
  EXPECT_OK(storage::Await<storage::VolumePtr>([&](Callback<storage::VolumePtr> done) {
    replica_.storage().CreateVolume({}, request, std::move(done));
  }));
  EXPECT_NE(disks_.FindVolume("a"), nullptr);
  EXPECT_EQ(api_.Reviews(token), 1);
}

TEST_F(TokenAuthenticatorTest, NodeIsWhoTheApiServerSays) {
  const absl::Time end = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 600);
  ASSERT_OK_AND_ASSIGN(const Peer peer,
                       Ask(authenticator_, api_.Issue({.node_names = {"node-7"}}, end)));
  EXPECT_EQ(peer.node_name, "node-7");
  EXPECT_EQ(peer.valid_until, end);
}

TEST_F(TokenAuthenticatorTest, TokenThatIsNotAcceptedIsRefused) {
  StartServer(authenticator_);
  EXPECT_THAT(Knock("made.up.token"), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(Knock(api_.Issue({.audiences = {"another"}})),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("another")));
  EXPECT_THAT(Knock(api_.Issue({.username = "system:serviceaccount:default:default"})),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("default:default")));
  EXPECT_OK(Knock(api_.Issue()));
}

TEST_F(TokenAuthenticatorTest, NodeSpeaksForItselfOnly) {
  StartServer(authenticator_);
  const std::string token = api_.Issue();
  EXPECT_THAT(Knock(token, "node-2"),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("node-2")));
  EXPECT_OK(Knock(token, "node-1"));
}

TEST_F(TokenAuthenticatorTest, PeerWithoutATokenIsRefused) {
  StartServer(authenticator_);
  ASSERT_OK_AND_ASSIGN(const KeyPair ca, LoadCa(directory_ / "ca.pem"));
  EXPECT_THAT(Visitor(port_, ChannelCredentialsOf(ca, kTrustDomain), "node-1").Visit(),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("--link-token")));
  // A certificate of the CA is none, and is not even asked for.
  WritePair("node-1", NodeUri(kTrustDomain, "node-1"));
  ASSERT_OK_AND_ASSIGN(const KeyPair pair, LoadKeyPair(Files("node-1")));
  EXPECT_THAT(Visitor(port_, ChannelCredentialsOf(pair, kTrustDomain), "node-1").Visit(),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("--link-token")));
}

TEST_F(TokenAuthenticatorTest, TwoTokensAreNone) {
  StartServer(authenticator_);
  Visitor visitor(port_, CredentialsWith(api_.Issue()), "node-1");
  visitor.context().AddMetadata("authorization", "Bearer " + api_.Issue());
  EXPECT_THAT(visitor.Visit(), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(TokenAuthenticatorTest, PlaintextIsRefused) {
  StartServer(authenticator_);
  EXPECT_THAT(Visitor(port_, grpc::InsecureChannelCredentials(), "node-1").Visit(),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(TokenAuthenticatorTest, TokenIsNotToldToWhoOnlyPosesAsAController) {
  WritePair("node-2", NodeUri(kTrustDomain, "node-2"));
  StartServer(authenticator_, 100, absl::Hours(1), "node-2");
  const std::string token = api_.Issue();
  EXPECT_THAT(Knock(token), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(api_.Reviews(token), 0);
}

TEST_F(TokenAuthenticatorTest, TokenIsNoCertificate) {
  CertificateAuthenticator by_certificate(kTrustDomain);
  StartServer(by_certificate);
  EXPECT_THAT(Knock(api_.Issue()), StatusIs(absl::StatusCode::kUnavailable));
  server_.reset();
}

TEST_F(TokenAuthenticatorTest, NodeWaitsForItsToken) {
  StartServer(authenticator_);
  const std::unique_ptr<LinkClient> client = Client();
  EXPECT_TRUE(Eventually([&client] { return client->connections().known == 1; }));
  EXPECT_EQ(client->connections().welcomed, 0U);
  Write("token", api_.Issue());
  EXPECT_TRUE(Connects(*client));
}

TEST_F(TokenAuthenticatorTest, NodeWaitsForAnApiServerThatIsAway) {
  StartServer(authenticator_);
  const std::string token = api_.Issue();
  api_.Stop();
  // Who has shown nothing yet is not told of the API server.
  EXPECT_THAT(Knock(token), StatusIs(absl::StatusCode::kUnavailable,
                                     AllOf(HasSubstr("its log"), Not(HasSubstr("localhost")))));
  Write("token", token);
  const std::unique_ptr<LinkClient> client = Client();
  api_.Start();
  EXPECT_TRUE(Connects(*client));
}

TEST_F(TokenAuthenticatorTest, ApiServerOfAnotherCaIsNotBelieved) {
  const FakeApiServer other;
  kubernetes::ApiClient::Options options = api_.options();
  options.ca_file = other.options().ca_file;
  kubernetes::ApiClient client(options);
  kubernetes::ApiTokenReviewer reviewer(client, {.service_account = kTestServiceAccount});
  TokenAuthenticator authenticator(reviewer, kTestAudience);
  const std::string token = api_.Issue();
  EXPECT_THAT(Ask(authenticator, token), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(api_.Reviews(token), 0);
}

// Says of tokens what the test has said, and when.
class FakeReviewer final : public kubernetes::TokenReviewer {
 public:
  // The token's holder is on node-1, and the token lives that long from each review on.
  void Accept(const std::string& token, absl::Duration life) {
    absl::MutexLock lock(&mutex_);
    lives_[token] = life;
  }
  // Reviews wait until as many are asked for at once.
  void AwaitAtOnce(int reviews) {
    absl::MutexLock lock(&mutex_);
    at_once_ = reviews;
  }
  int Reviews(const std::string& token) const {
    absl::MutexLock lock(&mutex_);
    const auto found = reviews_.find(token);
    return found == reviews_.end() ? 0 : found->second;
  }

  absl::StatusOr<NodeIdentityOfToken> Review(const std::string& token,
                                             const std::string&) override {
    absl::MutexLock lock(&mutex_);
    ++reviews_[token];
    ++asked_;
    if (!mutex_.AwaitWithTimeout(absl::Condition(this, &FakeReviewer::AllAsked),
                                 absl::Seconds(30))) {
      return absl::UnavailableError("they do not come at once");
    }
    const auto found = lives_.find(token);
    if (found == lives_.end()) return absl::UnauthenticatedError("unknown");
    return NodeIdentityOfToken{"node-1", "uid-1", "user", absl::Now() + found->second};
  }

 private:
  bool AllAsked() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return asked_ >= at_once_; }

  mutable absl::Mutex mutex_;
  std::map<std::string, absl::Duration> lives_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> reviews_ ABSL_GUARDED_BY(mutex_);
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
  int at_once_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(TokenAuthenticatorTest, StreamEndsWithItsTokenAndBeginsAnewWithTheNextOne) {
  FakeReviewer reviewer;
  reviewer.Accept("short-lived", absl::Seconds(1));
  reviewer.Accept("long-lived", absl::Hours(1));
  TokenAuthenticator authenticator(reviewer, kTestAudience);
  StartServer(authenticator);
  Write("token", "short-lived");
  const std::unique_ptr<LinkClient> client = Client();
  EXPECT_TRUE(Connects(*client));
  // As kubelet exchanges it; nothing else makes the node open another stream.
  Write("token", "long-lived");
  EXPECT_TRUE(Eventually([&] { return reviewer.Reviews("long-lived") > 0; }));
  EXPECT_TRUE(Connects(*client));
  EXPECT_GE(reviewer.Reviews("short-lived"), 1);
  server_.reset();
}

TEST_F(TokenAuthenticatorTest, ReviewsDoNotWaitForEachOther) {
  constexpr int kNodes = 8;
  FakeReviewer reviewer;
  reviewer.AwaitAtOnce(kNodes);
  reviewer.Accept("token", absl::Hours(1));
  TokenAuthenticator authenticator(reviewer, kTestAudience);
  std::vector<std::thread> nodes;
  for (int i = 0; i < kNodes; ++i) {
    nodes.emplace_back([&authenticator] { EXPECT_OK(Ask(authenticator, "token")); });
  }
  for (std::thread& node : nodes) node.join();
}

TEST_F(TokenAuthenticatorTest, WhoWaitsIsAnsweredWhenTheControllerStops) {
  FakeReviewer reviewer;
  reviewer.Accept("token", absl::Hours(1));
  constexpr int kNodes = 200;
  std::atomic<int> answered = 0;
  {
    TokenAuthenticator authenticator(reviewer, kTestAudience);
    PeerEvidence evidence;
    evidence.token = "token";
    for (int i = 0; i < kNodes; ++i) {
      authenticator.Authenticate(evidence, [&](const absl::StatusOr<Peer>&) { ++answered; });
    }
  }
  EXPECT_EQ(answered, kNodes);
}

TEST_F(TokenAuthenticatorTest, TokensAreInNoLog) {
  log::Init(log::Level::kDebug, log::Format::kText);
  ::testing::internal::CaptureStderr();
  StartServer(authenticator_);
  const std::string good = api_.Issue();
  const std::string bad = api_.Issue({.authenticated = false});
  EXPECT_OK(Knock(good));
  EXPECT_FALSE(Knock(good, "node-2").ok());
  EXPECT_FALSE(Knock(bad).ok());
  Write("token", good);
  std::unique_ptr<LinkClient> client = Client();
  EXPECT_TRUE(Connects(*client));
  // An API server that repeats what it was asked.
  const std::string said = api_.Issue();
  api_.AnswerBy([&said](const HttpsRequest&) -> HttpsAnswer {
    return {500, absl::StrCat(R"({"message":"confused by )", said, R"("})")};
  });
  EXPECT_FALSE(Knock(said).ok());
  api_.AnswerBy([&said](const HttpsRequest&) -> HttpsAnswer {
    return {201, absl::StrCat(R"({"status":{"error":"surprised by )", said, R"("}})")};
  });
  EXPECT_FALSE(Knock(said).ok());
  api_.Stop();
  EXPECT_FALSE(Knock(api_.Issue()).ok());
  client.reset();
  server_.reset();
  const std::string logged = ::testing::internal::GetCapturedStderr();
  log::Init(log::Level::kInfo, log::Format::kText);
  for (const char* sign : {"is refused", "confused by", "surprised by"}) {
    EXPECT_THAT(logged, HasSubstr(sign));
  }
  for (const std::string& token : {good, bad, said}) EXPECT_THAT(logged, Not(HasSubstr(token)));
  // The controller's own.
  EXPECT_THAT(logged, Not(HasSubstr("own-token")));
}

}  // namespace
}  // namespace nodevol::link
