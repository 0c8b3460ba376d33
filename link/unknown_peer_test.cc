// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a stream while it is not known who has opened it.
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "link/authenticator.h"
#include "link/token_link_fixture.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using storage::Eventually;
using ::testing::HasSubstr;

// Answers when the test lets it.
class HeldAuthenticator final : public Authenticator {
 public:
  [[nodiscard]] ClientCertificate client_certificate() const override {
    return ClientCertificate::kNone;
  }
  void Authenticate(const PeerEvidence& evidence, Callback<Peer> done) override {
    EXPECT_EQ(evidence.token, "some-token");
    absl::MutexLock lock(&mutex_);
    held_.push_back(std::move(done));
  }

  [[nodiscard]] size_t held() const {
    absl::MutexLock lock(&mutex_);
    return held_.size();
  }
  // All who wait are node-1.
  void LetGo() {
    std::vector<Callback<Peer>> held;
    {
      absl::MutexLock lock(&mutex_);
      held.swap(held_);
    }
    for (Callback<Peer>& done : held) {
      std::move(done)(Peer{"node-1", absl::InfiniteFuture()});
    }
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<Callback<Peer>> held_ ABSL_GUARDED_BY(mutex_);
};

// A peer whose stream is open as long as nobody ends it.
class Caller {
 public:
  Caller(uint16_t port, const std::shared_ptr<grpc::ChannelCredentials>& credentials)
      : visitor_(port, credentials, "node-1"), thread_([this] { end_ = visitor_.Visit(); }) {}
  ~Caller() {
    if (thread_.joinable()) (void)Await();
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  void Leave() { visitor_.Leave(); }
  absl::Status Await() {
    thread_.join();
    return end_;
  }

 private:
  Visitor visitor_;
  absl::Status end_;
  std::thread thread_;
};

class UnknownPeerTest : public TokenLinkFixture {
 protected:
  std::unique_ptr<Caller> Call() {
    return std::make_unique<Caller>(port_, CredentialsWith("some-token"));
  }
  bool AreHeld(size_t peers) {
    return Eventually([this, peers] { return authenticator_.held() == peers; });
  }
  // Nobody has been let in.
  bool NobodyHasSaidHello() const { return replica_.hello().node_name().empty(); }

  HeldAuthenticator authenticator_;
};

TEST_F(UnknownPeerTest, IsLetInWhenItIsKnownWhoItIs) {
  StartServer(authenticator_);
  const std::unique_ptr<Caller> caller = Call();
  ASSERT_TRUE(AreHeld(1));
  EXPECT_TRUE(NobodyHasSaidHello());
  authenticator_.LetGo();
  EXPECT_OK(caller->Await());
  EXPECT_FALSE(NobodyHasSaidHello());
}

TEST_F(UnknownPeerTest, IsSentAwayWhenThatTakesTooLong) {
  StartServer(authenticator_, 100, kSoon);
  const std::unique_ptr<Caller> caller = Call();
  EXPECT_THAT(caller->Await(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("not found out in time")));
  // The answer comes all the same, and too late.
  EXPECT_EQ(authenticator_.held(), 1U);
  authenticator_.LetGo();
  server_.reset();
  EXPECT_TRUE(NobodyHasSaidHello());
}

TEST_F(UnknownPeerTest, IsSentAwayWhereTooManyWait) {
  StartServer(authenticator_, 1);
  const std::unique_ptr<Caller> first = Call();
  ASSERT_TRUE(AreHeld(1));
  EXPECT_THAT(Call()->Await(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("too many")));
  authenticator_.LetGo();
  EXPECT_OK(first->Await());
  // There is room again.
  const std::unique_ptr<Caller> next = Call();
  ASSERT_TRUE(AreHeld(1));
  authenticator_.LetGo();
  EXPECT_OK(next->Await());
}

TEST_F(UnknownPeerTest, MayLeave) {
  StartServer(authenticator_);
  const std::unique_ptr<Caller> caller = Call();
  ASSERT_TRUE(AreHeld(1));
  caller->Leave();
  EXPECT_THAT(caller->Await(), StatusIs(absl::StatusCode::kCancelled));
  // It may have been let in before the controller has noticed; it is gone in the end.
  authenticator_.LetGo();
  server_.reset();
  EXPECT_EQ(replica_.storage().connection(), nullptr);
}

TEST_F(UnknownPeerTest, MayLeaveInTheMomentInWhichItIsKnown) {
  StartServer(authenticator_);
  constexpr int kTimes = 30;
  for (int i = 0; i < kTimes; ++i) {
    const std::unique_ptr<Caller> caller = Call();
    ASSERT_TRUE(AreHeld(1));
    std::thread answering([this] { authenticator_.LetGo(); });
    caller->Leave();
    answering.join();
    const absl::Status end = caller->Await();
    EXPECT_TRUE(end.ok() || absl::IsCancelled(end)) << end;
  }
  server_.reset();
  EXPECT_EQ(replica_.storage().connection(), nullptr);
}

TEST_F(UnknownPeerTest, DoesNotKeepTheServerFromItsEnd) {
  StartServer(authenticator_);
  const std::unique_ptr<Caller> caller = Call();
  ASSERT_TRUE(AreHeld(1));
  server_.reset();
  EXPECT_FALSE(caller->Await().ok());
  authenticator_.LetGo();
  EXPECT_TRUE(NobodyHasSaidHello());
}

}  // namespace
}  // namespace nodevol::link
