// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_TOKEN_LINK_FIXTURE_H_
#define NODEVOL_LINK_TOKEN_LINK_FIXTURE_H_

#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/create_channel.h"

#include "link/certificate.h"
#include "link/fake_held_storage.h"
#include "link/limits.h"
#include "link/link_client.h"
#include "link/link_server.h"
#include "link/node_credentials.h"
#include "link/test_replica.h"
#include "proto/link.grpc.pb.h"
#include "rpc/scratch_directory.h"
#include "rpc/status.h"
#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::link {

// For tests: a peer that opens a stream to a controller of this machine and says hello.
class Visitor {
 public:
  Visitor(uint16_t port, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
          const std::string& name)
      : stub_(v1::Link::NewStub(grpc::CreateCustomChannel(absl::StrCat("ipv4:127.0.0.1:", port),
                                                          credentials, ChannelLimits()))) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(2));
    hello_.mutable_hello()->set_newest_version(1);
    hello_.mutable_hello()->set_node_name(name);
    hello_.set_sequence(1);
  }

  // OK once the controller has welcomed it, else how the stream has ended.
  absl::Status Visit() {
    const auto stream = stub_->Connect(&context_);
    stream->Write(hello_);
    v1::ControllerMessage answer;
    if (stream->Read(&answer)) {
      context_.TryCancel();
      (void)stream->Finish();
      return absl::OkStatus();
    }
    return rpc::FromGrpcStatus(stream->Finish());
  }
  // On another thread.
  void Leave() { context_.TryCancel(); }
  grpc::ClientContext& context() { return context_; }

 private:
  const std::unique_ptr<v1::Link::Stub> stub_;
  grpc::ClientContext context_;
  v1::NodeMessage hello_;
};

// For tests: a controller's port, and nodes that have tokens.
class TokenLinkFixture : public ::testing::Test {
 protected:
  static constexpr char kTrustDomain[] = "test.nodevol";
  static constexpr absl::Duration kSoon = absl::Milliseconds(50);

  static void SetUpTestSuite() { AllowTls13Only(); }
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(ca_, MakeCa("test CA", Valid()));
    Write("ca.pem", ca_.cert);
    WritePair("controller", ControllerUri(kTrustDomain));
  }
  // Before what the test has given it.
  void TearDown() override { server_.reset(); }

  static Validity Valid() { return {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)}; }
  void Write(const std::string& name, const std::string& content) const {
    // As a mounted secret is exchanged: at once.
    const std::string next = directory_ / (name + ".new");
    std::ofstream(next) << content;
    ASSERT_EQ(std::rename(next.c_str(), (directory_ / name).c_str()), 0);
  }
  void WritePair(const std::string& name, const std::string& uri) const {
    ASSERT_OK_AND_ASSIGN(const Certificate pair, Issue(ca_, {"test", {uri}, {}}, Valid()));
    Write(name + ".cert", pair.cert);
    Write(name + ".key", pair.key);
  }
  KeyFiles Files(const std::string& name) const {
    return {directory_ / "ca.pem", directory_ / (name + ".cert"), directory_ / (name + ".key")};
  }

  // The authenticator lives until TearDown().
  void StartServer(Authenticator& authenticator, size_t max_unknown = 100,
                   absl::Duration longest_unknown = absl::Hours(1),
                   const std::string& pair = "controller") {
    absl::StatusOr<std::unique_ptr<LinkServer>> server =
        LinkServer::Start({.address = {"127.0.0.1", port_},
                           .files = Files(pair),
                           .controller = "test",
                           .max_unknown = max_unknown,
                           .longest_unknown = longest_unknown},
                          authenticator, replica_);
    ASSERT_OK(server);
    server_ = *std::move(server);
    port_ = server_->port();
  }

  // A node that shows what is in the file "token".
  std::unique_ptr<LinkClient> Client() {
    return std::make_unique<LinkClient>(
        LinkClient::Options{.controller = {"127.0.0.1", port_},
                            .trust_domain = kTrustDomain,
                            .files = Files("none"),
                            .token_file = directory_ / "token",
                            .identity = {"node-1", {}, "test", "node-1"},
                            .resolve_interval = kSoon,
                            .shortest_pause = kSoon,
                            .longest_pause = kSoon},
        disks_, disks_);
  }
  static bool Connects(const LinkClient& client) {
    return storage::Eventually([&client] { return client.connections().welcomed == 1; });
  }

  std::shared_ptr<grpc::ChannelCredentials> CredentialsWith(const std::string& token) const {
    Write("visitors-token", token);
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
        LoadNodeCredentials({kTrustDomain, Files("none"), directory_ / "visitors-token"});
    EXPECT_OK(credentials);
    return credentials.value();
  }
  // How a stream ends that is opened with this token; OK once it is welcomed.
  absl::Status Knock(const std::string& token, const std::string& name = "node-1") const {
    return Visitor(port_, CredentialsWith(token), name).Visit();
  }

  const rpc::ScratchDirectory directory_;
  Certificate ca_;
  uint16_t port_ = 0;
  FakeHeldStorage disks_{{}};
  TestReplica replica_{"node-1"};
  std::unique_ptr<LinkServer> server_;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_TOKEN_LINK_FIXTURE_H_
