// SPDX-License-Identifier: Apache-2.0
//
// Nodes and controllers over TCP: who is let in, who is not, and that certificates can be exchanged
// while all goes on.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/create_channel.h"

#include "link/certificate.h"
#include "link/fake_held_storage.h"
#include "link/limits.h"
#include "link/link_client.h"
#include "link/link_server.h"
#include "link/test_replica.h"
#include "proto/link.grpc.pb.h"
#include "rpc/scratch_directory.h"
#include "rpc/status.h"
#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using storage::Eventually;
using storage::VolumePtr;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr char kTrustDomain[] = "test.nodevol";
constexpr absl::Duration kSoon = absl::Milliseconds(50);

Validity Now() { return {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)}; }

class LinkTlsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { AllowTls13Only(); }
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(ca_, MakeCa("test CA", Now()));
    Write("ca.pem", ca_.cert);
    WritePair("controller", MakeController());
    WritePair("node-1", MakeNode("node-1"));
  }

  void Write(const std::string& name, const std::string& content) {
    // As a mounted secret is exchanged: at once.
    const std::string path = PathOf(name);
    std::ofstream(path + ".new") << content;
    ASSERT_EQ(::rename((path + ".new").c_str(), path.c_str()), 0);
  }
  void WritePair(const std::string& name, const Certificate& pair) {
    Write(name + ".cert", pair.cert);
    Write(name + ".key", pair.key);
  }
  std::string PathOf(const std::string& name) const {
    return absl::StrCat(directory_.path(), "/", name);
  }
  KeyFiles Files(const std::string& name) const {
    return {PathOf("ca.pem"), PathOf(name + ".cert"), PathOf(name + ".key")};
  }
  Certificate Make(const std::string& uri, const Validity& validity = Now()) {
    absl::StatusOr<Certificate> made = Issue(ca_, {"test", {uri}, {}}, validity);
    EXPECT_OK(made);
    return made.ok() ? *made : Certificate();
  }
  Certificate MakeNode(const std::string& name, const Validity& validity = Now()) {
    return Make(NodeUri(kTrustDomain, name), validity);
  }
  Certificate MakeController() { return Make(ControllerUri(kTrustDomain)); }

  void StartServer(const std::string& pair = "controller") {
    absl::StatusOr<std::unique_ptr<LinkServer>> server =
        LinkServer::Start({.address = {"127.0.0.1", port_},
                           .files = Files(pair),
                           .controller = "test",
                           .reload_interval = kSoon},
                          authenticator_, replica_);
    ASSERT_OK(server);
    server_ = *std::move(server);
    port_ = server_->port();
  }
  LinkClient::Options OptionsOf(const std::string& pair, const std::string& name) {
    return {.controller = {"127.0.0.1", port_},
            .trust_domain = kTrustDomain,
            .files = Files(pair),
            .identity = {name, {}, "test", name},
            .resolve_interval = kSoon,
            .shortest_pause = kSoon,
            .longest_pause = kSoon};
  }
  std::unique_ptr<LinkClient> Client(const std::string& pair, const std::string& name) {
    return std::make_unique<LinkClient>(OptionsOf(pair, name), disks_, disks_);
  }
  static bool Connects(const LinkClient& client) {
    return Eventually([&client] { return client.connections().welcomed == 1; });
  }
  absl::StatusOr<VolumePtr> Create(const std::string& name) {
    nodevol::v1::VolumeRequest request;
    request.set_name(name);
    return storage::Await<VolumePtr>([&](Callback<VolumePtr> done) {
      replica_.storage().CreateVolume({}, request, std::move(done));
    });
  }
  // The end of a stream that is opened with these credentials, and says hello as node-1.
  absl::Status Knock(const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                     v1::NodeMessage message = {}) {
    return KnockAt(v1::Link::NewStub(ChannelWith(credentials)), std::move(message));
  }
  std::shared_ptr<grpc::Channel> ChannelWith(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    return grpc::CreateCustomChannel(absl::StrCat("ipv4:127.0.0.1:", port_), credentials,
                                     ChannelLimits());
  }
  static absl::Status KnockAt(const std::unique_ptr<v1::Link::Stub>& stub,
                              v1::NodeMessage message = {}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    const auto stream = stub->Connect(&context);
    if (!message.has_hello()) message.mutable_hello()->set_newest_version(1);
    if (message.hello().node_name().empty()) message.mutable_hello()->set_node_name("node-1");
    message.set_sequence(1);
    stream->Write(message);
    v1::ControllerMessage answer;
    const bool welcomed = stream->Read(&answer);
    if (welcomed) return absl::OkStatus();
    return rpc::FromGrpcStatus(stream->Finish());
  }
  std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const std::string& pair) {
    absl::StatusOr<KeyPair> loaded = LoadKeyPair(Files(pair));
    EXPECT_OK(loaded);
    return ChannelCredentialsOf(*loaded, kTrustDomain);
  }

  rpc::ScratchDirectory directory_;
  Certificate ca_;
  uint16_t port_ = 0;
  FakeHeldStorage disks_{{}};
  CertificateAuthenticator authenticator_{kTrustDomain};
  TestReplica replica_{"node-1"};
  std::unique_ptr<LinkServer> server_;
};

TEST_F(LinkTlsTest, NodeConnectsAndWorks) {
  StartServer();
  const std::unique_ptr<LinkClient> client = Client("node-1", "node-1");
  ASSERT_TRUE(Connects(*client));
  replica_.AwaitComplete();
  EXPECT_OK(Create("a"));
  EXPECT_NE(disks_.FindVolume("a"), nullptr);
}

TEST_F(LinkTlsTest, OneControllerAtTwoAddressesHasOneStream) {
  replica_.EndFormerStreams();
  StartServer();
  const std::unique_ptr<LinkServer> first = std::move(server_);
  const std::string at_first = absl::StrCat("ipv4:127.0.0.1:", port_);
  port_ = 0;
  StartServer();
  const std::string at_second = absl::StrCat("ipv4:127.0.0.1:", port_);
  LinkClient::Options options = OptionsOf("node-1", "node-1");
  options.resolve = [&](const rpc::HostPort&) {
    return std::set<std::string>{at_first, at_second};
  };
  LinkClient client(options, disks_, disks_);
  // Each is tried, and one is left, not now the one and now the other.
  ASSERT_TRUE(Eventually([&] {
    const int admitted = replica_.admitted();
    absl::SleepFor(kSoon * 10);
    return admitted >= 2 && replica_.admitted() == admitted && client.connections().welcomed == 1;
  }));
  EXPECT_TRUE(Eventually([&client] { return client.connections().known == 1; }));
  replica_.AwaitComplete();
  EXPECT_OK(Create("a"));
}

TEST_F(LinkTlsTest, NodeThatStartedFirstFindsTheControllerLater) {
  StartServer();
  server_.reset();  // the port is known now
  const std::unique_ptr<LinkClient> client = Client("node-1", "node-1");
  absl::SleepFor(kSoon * 3);
  EXPECT_EQ(client->connections().welcomed, 0U);
  StartServer();
  EXPECT_TRUE(Connects(*client));
}

TEST_F(LinkTlsTest, NodeComesBackToAControllerThatWasRestarted) {
  StartServer();
  const std::unique_ptr<LinkClient> client = Client("node-1", "node-1");
  ASSERT_TRUE(Connects(*client));
  server_.reset();
  EXPECT_TRUE(Eventually([&] { return client->connections().welcomed == 0; }));
  StartServer();
  EXPECT_TRUE(Connects(*client));
  replica_.AwaitComplete();
  EXPECT_OK(Create("a"));
}

TEST_F(LinkTlsTest, NodeSpeaksForItselfOnly) {
  StartServer();
  v1::NodeMessage message;
  message.mutable_hello()->set_newest_version(1);
  message.mutable_hello()->set_node_name("node-2");
  EXPECT_THAT(Knock(CredentialsOf("node-1"), message),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("node-2")));
  EXPECT_OK(Knock(CredentialsOf("node-1")));
}

TEST_F(LinkTlsTest, PlaintextIsRefused) {
  StartServer();
  EXPECT_THAT(Knock(grpc::InsecureChannelCredentials()), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(LinkTlsTest, ClientWithoutACertificateIsRefused) {
  StartServer();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ca_.cert;
  EXPECT_THAT(Knock(grpc::SslCredentials(options)), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(LinkTlsTest, CertificateOfAnotherCaIsRefused) {
  StartServer();
  ASSERT_OK_AND_ASSIGN(const Certificate other, MakeCa("test CA", Now()));
  ASSERT_OK_AND_ASSIGN(const Certificate stranger,
                       Issue(other, {"node-1", {NodeUri(kTrustDomain, "node-1")}, {}}, Now()));
  const KeyPair pair = {ca_.cert, stranger.cert, stranger.key, absl::InfiniteFuture()};
  EXPECT_THAT(Knock(ChannelCredentialsOf(pair, kTrustDomain)),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(LinkTlsTest, ExpiredCertificateIsRefused) {
  StartServer();
  const Certificate old =
      MakeNode("node-1", {absl::Now() - absl::Hours(2), absl::Now() - absl::Hours(1)});
  const KeyPair pair = {ca_.cert, old.cert, old.key, absl::InfiniteFuture()};
  EXPECT_THAT(Knock(ChannelCredentialsOf(pair, kTrustDomain)),
              StatusIs(absl::StatusCode::kUnavailable));
  // A node does not even try.
  WritePair("old", old);
  EXPECT_THAT(LoadKeyPair(Files("old")),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("expired")));
}

TEST_F(LinkTlsTest, CertificateThatIsNoNodesIsRefused) {
  StartServer();
  for (const std::string& uri :
       {ControllerUri(kTrustDomain), NodeUri("other.domain", "node-1"), NodeUri(kTrustDomain, ""),
        NodeUri(kTrustDomain, "a/b"), std::string("https://node-1")}) {
    WritePair("odd", Make(uri));
    EXPECT_THAT(Knock(CredentialsOf("odd")),
                StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("nodevol pki")))
        << uri;
  }
  absl::StatusOr<Certificate> two = Issue(
      ca_, {"x", {NodeUri(kTrustDomain, "node-1"), NodeUri(kTrustDomain, "node-2")}, {}}, Now());
  ASSERT_OK(two);
  WritePair("two", *two);
  EXPECT_THAT(Knock(CredentialsOf("two")), StatusIs(absl::StatusCode::kUnauthenticated));
  // A name of another kind may say anything.
  absl::StatusOr<Certificate> dns = Issue(ca_, {"x", {}, {NodeUri(kTrustDomain, "node-1")}}, Now());
  ASSERT_OK(dns);
  WritePair("dns", *dns);
  EXPECT_THAT(Knock(CredentialsOf("dns")), StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(LinkTlsTest, NodeTalksToNoNodeThatPosesAsAController) {
  WritePair("node-2", MakeNode("node-2"));
  StartServer("node-2");
  EXPECT_THAT(Knock(CredentialsOf("node-1")), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(LinkTlsTest, ControllerMayHaveItsDnsNameAloneInItsCertificate) {
  const auto start = [this](const Subject& subject) {
    server_.reset();
    ASSERT_OK_AND_ASSIGN(const Certificate made, Issue(ca_, subject, Now()));
    WritePair("odd", made);
    StartServer("odd");
  };
  const std::string name = ControllerDnsName(kTrustDomain);
  start({"controller", {}, {"nodevol.example", name}});
  EXPECT_OK(Knock(CredentialsOf("node-1")));
  // Whose URI says something else is that.
  for (const Subject& subject :
       {Subject{"controller", {}, {ControllerDnsName("other.domain")}},
        Subject{"controller", {}, {}}, Subject{"controller", {}, {ControllerUri(kTrustDomain)}},
        Subject{"node", {NodeUri(kTrustDomain, "node-2")}, {name}},
        Subject{"controller", {ControllerUri("other.domain")}, {name}}}) {
    start(subject);
    EXPECT_THAT(Knock(CredentialsOf("node-1")), StatusIs(absl::StatusCode::kUnavailable))
        << subject.common_name;
  }
}

TEST_F(LinkTlsTest, MessageThatIsTooLargeEndsTheStreamAndNothingElse) {
  StartServer();
  v1::NodeMessage large;
  large.mutable_hello()->set_newest_version(1);
  large.mutable_hello()->set_driver_version(std::string(kMaxMessageBytes, 'x'));
  grpc::ChannelArguments unlimited = ChannelLimits();
  EXPECT_THAT(Knock(CredentialsOf("node-1"), large),
              AnyOf(StatusIs(absl::StatusCode::kResourceExhausted),
                    StatusIs(absl::StatusCode::kCancelled)));
  EXPECT_OK(Knock(CredentialsOf("node-1")));
}

TEST_F(LinkTlsTest, GarbageOnThePortDisturbsNobody) {
  StartServer();
  const std::unique_ptr<LinkClient> client = Client("node-1", "node-1");
  ASSERT_TRUE(Connects(*client));
  for (const std::string& garbage :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100'000, '\0'),
        std::string("\x16\x03\x01\xff\xff", 5), std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    (void)::send(socket.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
  }
  EXPECT_OK(Create("a"));
  EXPECT_OK(Knock(CredentialsOf("node-1")));
}

TEST_F(LinkTlsTest, NewCertificatesAreTakenWhileStreamsGoOn) {
  StartServer();
  const std::unique_ptr<LinkClient> client = Client("node-1", "node-1");
  ASSERT_TRUE(Connects(*client));
  replica_.AwaitComplete();
  // A new CA, and certificates of it, as an administrator rolls them: both CAs, then the leaves.
  const std::string old_ca = ca_.cert;
  const KeyPair before = *LoadKeyPair(Files("node-1"));
  ASSERT_OK_AND_ASSIGN(ca_, MakeCa("new CA", Now()));
  Write("ca.pem", old_ca + ca_.cert);
  WritePair("controller", MakeController());
  WritePair("node-2", MakeNode("node-2"));
  // Until the key has come too the pair does not fit, and the old one stays.
  EXPECT_TRUE(Eventually([&] {
    v1::NodeMessage message;
    message.mutable_hello()->set_newest_version(1);
    message.mutable_hello()->set_node_name("node-2");
    return Knock(CredentialsOf("node-2"), message).ok();
  }));
  EXPECT_EQ(client->connections().welcomed, 1U);
  EXPECT_OK(Create("a"));
  // Then the old CA goes: what it has signed is worth nothing any more.
  Write("ca.pem", ca_.cert);
  EXPECT_TRUE(Eventually([&] { return !Knock(ChannelCredentialsOf(before, kTrustDomain)).ok(); }));
}

TEST_F(LinkTlsTest, NothingBeginsOnAConnectionOfFormerCertificates) {
  StartServer();
  const std::unique_ptr<v1::Link::Stub> stub =
      v1::Link::NewStub(ChannelWith(CredentialsOf("node-1")));
  ASSERT_OK(KnockAt(stub));
  ASSERT_OK_AND_ASSIGN(ca_, MakeCa("new CA", Now()));
  Write("ca.pem", ca_.cert);
  WritePair("controller", MakeController());
  absl::Status end;
  EXPECT_TRUE(Eventually([&] {
    end = KnockAt(stub);
    return !end.ok();
  }));
  EXPECT_THAT(end, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("connect anew")));
}

TEST_F(LinkTlsTest, BadCertificatesAreNotTaken) {
  StartServer();
  const std::string good = ca_.cert;
  for (const char* name : {"controller.cert", "controller.key", "ca.pem"}) {
    for (const std::string& bad : {std::string(), std::string("nonsense")}) {
      Write(name, bad);
      absl::SleepFor(kSoon * 3);
    }
    WritePair("controller", MakeController());
    Write("ca.pem", good);
  }
  WritePair("controller", {MakeController().cert, MakeController().key});
  absl::SleepFor(kSoon * 3);
  EXPECT_OK(Knock(CredentialsOf("node-1")));
}

TEST_F(LinkTlsTest, StartWithBadCertificatesSaysWhichAndWhy) {
  const auto start = [this](const std::string& pair) {
    return LinkServer::Start(
               {.address = {"127.0.0.1", 0}, .files = Files(pair), .controller = "test"},
               authenticator_, replica_)
        .status();
  };
  EXPECT_THAT(start("missing"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("missing.cert")));
  WritePair("mixed", {MakeController().cert, MakeController().key});
  EXPECT_THAT(start("mixed"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not the key")));
  Write("empty.cert", "");
  Write("empty.key", "");
  EXPECT_THAT(start("empty"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no certificate")));
}

}  // namespace
}  // namespace nodevol::link
