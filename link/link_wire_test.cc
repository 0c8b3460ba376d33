// SPDX-License-Identifier: Apache-2.0
//
// What shows only where gRPC and TLS have a part in it: who is let in, who is cut off, and who lets
// go of a stream last.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/create_channel.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/unique_fd.h"
#include "link/authenticator.h"
#include "link/client_stream.h"
#include "link/openssl.h"
#include "link/token_link_fixture.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using storage::Eventually;
using storage::VolumePtr;
using ::testing::HasSubstr;

using SslContext = std::unique_ptr<SSL_CTX, openssl::Deleter<SSL_CTX_free>>;
using SslConnection = std::unique_ptr<SSL, openssl::Deleter<SSL_free>>;

UniqueFd ConnectTo(uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const timeval patience = {.tv_sec = 60, .tv_usec = 0};
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  return fd;
}

// The version of TLS that the port agrees upon with a node that speaks none but this; "" when it
// does not.
std::string ShakeHands(uint16_t port, const KeyPair& pair, int version) {
  const SslContext context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  EXPECT_EQ(
      SSL_CTX_use_certificate(context.get(), openssl::ReadCertificates(pair.cert).front().get()),
      1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), openssl::ReadKey(pair.key).get()), 1);
  const UniqueFd socket = ConnectTo(port);
  const SslConnection connection(SSL_new(context.get()));
  constexpr std::array<unsigned char, 3> kHttp2 = {2, 'h', '2'};
  EXPECT_EQ(SSL_set_alpn_protos(connection.get(), kHttp2.data(),
                                static_cast<unsigned int>(kHttp2.size())),
            0);
  EXPECT_EQ(SSL_set_fd(connection.get(), socket.get()), 1);
  const bool agreed = SSL_connect(connection.get()) == 1;
  ERR_clear_error();
  return agreed ? SSL_get_version(connection.get()) : "";
}

// A directory that lets a node in once at a time, as a controller's does.
class OneStreamDirectory final : public NodeDirectory {
 public:
  RemoteStorage& node() { return *node_; }

  absl::StatusOr<std::shared_ptr<RemoteStorage>> Admit(
      const v1::Hello& hello, const std::shared_ptr<NodeConnection>& connection) override {
    absl::MutexLock lock(&mutex_);
    if (node_->connection() != nullptr) {
      return absl::AlreadyExistsError(absl::StrCat(hello.node_name(), " has a stream"));
    }
    node_->Connect(connection);
    return node_;
  }
  void OnPools(const RemoteStorage&) override {}
  void Leave(const std::shared_ptr<RemoteStorage>& node, const NodeConnection& connection,
             const std::vector<std::string>&) override {
    node->Disconnect(connection);
  }
  absl::Status Claim(const RemoteStorage&, const std::string&) override { return absl::OkStatus(); }
  void Release(const RemoteStorage&, const std::string&) override {}

 private:
  absl::Mutex mutex_;
  const std::shared_ptr<RemoteStorage> node_ = std::make_shared<RemoteStorage>("node-1");
};

// A node's stream that is open while this lives.
class OpenStream {
 public:
  OpenStream(std::shared_ptr<grpc::Channel> channel, const NodeSession::Node& node)
      : stream_(std::make_shared<ClientStream>(std::move(channel),
                                               std::make_shared<NodeSession>(node))) {
    stream_->Start();
  }
  ~OpenStream() { End(); }
  OpenStream(const OpenStream&) = delete;
  OpenStream& operator=(const OpenStream&) = delete;

  bool IsWelcomed() {
    return Eventually([this] { return stream_->session().welcomed(); });
  }
  [[nodiscard]] absl::Status ended() const { return stream_->ended(); }
  void End() {
    stream_->Close(absl::CancelledError("the test is over"));
    stream_->AwaitEnd();
  }
  // How many there are who would destroy it.
  [[nodiscard]] int64_t holders() const { return stream_.use_count(); }

 private:
  const std::shared_ptr<ClientStream> stream_;
};

class LinkWireTest : public TokenLinkFixture {
 protected:
  void SetUp() override {
    TokenLinkFixture::SetUp();
    WritePair("node-1", NodeUri(kTrustDomain, "node-1"));
  }
  KeyPair Pair() const {
    absl::StatusOr<KeyPair> pair = LoadKeyPair(Files("node-1"));
    EXPECT_OK(pair);
    return pair.ok() ? *std::move(pair) : KeyPair();
  }
  std::shared_ptr<grpc::ChannelCredentials> Credentials() const {
    return ChannelCredentialsOf(Pair(), kTrustDomain);
  }
  std::shared_ptr<grpc::Channel> Channel() const {
    return grpc::CreateCustomChannel(absl::StrCat("ipv4:127.0.0.1:", port_), Credentials(),
                                     ChannelLimits());
  }
  NodeSession::Node Self() { return {identity_, disks_, disks_, board_}; }

  const NodeIdentity identity_ = {"node-1", {}, "test", "one"};
  ClaimBoard board_;
  CertificateAuthenticator authenticator_{kTrustDomain};
  OneStreamDirectory one_stream_;
};

TEST_F(LinkWireTest, Tls12IsRefused) {
  StartServer(authenticator_);
  EXPECT_EQ(ShakeHands(port_, Pair(), TLS1_3_VERSION), "TLSv1.3");
  EXPECT_EQ(ShakeHands(port_, Pair(), TLS1_2_VERSION), "");
}

TEST_F(LinkWireTest, CertificateThatIsNotValidYetIsRefused) {
  StartServer(authenticator_);
  ASSERT_OK_AND_ASSIGN(const Certificate early,
                       Issue(ca_, {"node-1", {NodeUri(kTrustDomain, "node-1")}, {}},
                             {absl::Now() + absl::Hours(1), absl::Now() + absl::Hours(2)}));
  const KeyPair pair = {ca_.cert, early.cert, early.key, absl::InfiniteFuture()};
  EXPECT_THAT(Visitor(port_, ChannelCredentialsOf(pair, kTrustDomain), "node-1").Visit(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_OK(Visitor(port_, Credentials(), "node-1").Visit());
}

TEST_F(LinkWireTest, SecondLiveStreamOfANodeIsToldWhyItIsRefused) {
  ASSERT_OK_AND_ASSIGN(server_, LinkServer::Start({.address = {"127.0.0.1", 0},
                                                   .files = Files("controller"),
                                                   .controller = "test"},
                                                  authenticator_, one_stream_));
  port_ = server_->port();
  OpenStream first(Channel(), Self());
  ASSERT_TRUE(first.IsWelcomed());
  EXPECT_THAT(Visitor(port_, Credentials(), "node-1").Visit(),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("has a stream")));
  EXPECT_OK(first.ended());
  nodevol::v1::VolumeRequest request;
  request.set_name("a");
  EXPECT_OK(storage::Await<VolumePtr>([&](Callback<VolumePtr> done) {
    one_stream_.node().CreateVolume({}, request, std::move(done));
  }));
}

TEST_F(LinkWireTest, NodeThatEndsItsSideAndReadsNothingIsCutOff) {
  StartServer(authenticator_);
  const auto stub = v1::Link::NewStub(Channel());
  grpc::ClientContext context;
  const auto stream = stub->Connect(&context);
  v1::NodeMessage hello;
  hello.mutable_hello()->set_newest_version(kNewestVersion);
  hello.mutable_hello()->set_node_name("node-1");
  hello.set_sequence(1);
  ASSERT_TRUE(stream->Write(hello));
  v1::ControllerMessage welcome;
  ASSERT_TRUE(stream->Read(&welcome));
  // More than gRPC takes in advance for who does not read.
  constexpr int kCommands = 8;
  const auto answered = std::make_shared<std::atomic<int>>(0);
  for (int i = 0; i < kCommands; ++i) {
    nodevol::v1::VolumeRequest request;
    request.set_name(std::string(kMaxMessageBytes / 2, 'x'));
    replica_.storage().CreateVolume({}, request,
                                    [answered](const absl::StatusOr<VolumePtr>&) { ++*answered; });
  }
  EXPECT_TRUE(stream->WritesDone());
  EXPECT_TRUE(Eventually([&] { return replica_.storage().connection() == nullptr; }));
  EXPECT_TRUE(Eventually([&] { return *answered == kCommands; }));
  context.TryCancel();
  (void)stream->Finish();
}

TEST_F(LinkWireTest, WhoHoldsAStreamLetsGoOfItLast) {
  StartServer(authenticator_);
  constexpr int kTimes = 30;
  for (int i = 0; i < kTimes; ++i) {
    OpenStream stream(Channel(), Self());
    ASSERT_TRUE(stream.IsWelcomed());
    stream.End();
    ASSERT_EQ(stream.holders(), 1) << "a thread of gRPC's may destroy the channel";
  }
}

}  // namespace
}  // namespace nodevol::link
