// SPDX-License-Identifier: Apache-2.0
//
// What the driver refuses to start with, and with what remedy: mistakes in its flags, and pools
// that another driver has.
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "test/client/driver_process.h"
#include "test/client/grpc_environment.h"
#include "test/service/pool_listing.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const auto* const grpc_environment = ::testing::AddGlobalTestEnvironment(new GrpcEnvironment);

constexpr char kEnded[] = "the driver ended with 1:";
constexpr char kEndedForItsFlags[] = "the driver ended with 2:";

struct Refusal {
  std::string end;
  std::string log;
};

class StartRefusalTest : public ServiceFixture {
 protected:
  // Starts a driver that is to refuse, on this pool with these flags.
  Refusal StartOn(const std::string& pool_path, std::vector<std::string> flags = {}) {
    return StartWith({absl::StrCat("p=", pool_path)}, std::move(flags));
  }
  Refusal StartWith(std::vector<std::string> pools, std::vector<std::string> flags) {
    const std::string log = directory_ + "/log";
    ::unlink(log.c_str());
    absl::StatusOr<DriverProcess> driver = DriverProcess::Spawn({.pools = std::move(pools),
                                                                 .socket_path = SocketPath(),
                                                                 .log_path = log,
                                                                 .more_flags = std::move(flags)});
    EXPECT_OK(driver);
    if (!driver.ok()) return {};
    const absl::Status serves = driver->AwaitServing();
    EXPECT_NE(::access(SocketPath().c_str(), F_OK), 0) << "a socket was made";
    return {serves.ToString(), driver->Log()};
  }
  [[nodiscard]] std::string SocketPath() const { return directory_ + "/csi.sock"; }

  void TearDown() override {
    ServiceFixture::TearDown();
    ::unlink((directory_ + "/log").c_str());
    ::rmdir(directory_.c_str());
  }

 private:
  const std::string directory_ = NewDirectory();
};

TEST_F(StartRefusalTest, PoolOfAnotherProcess) {
  ASSERT_NO_FATAL_FAILURE(StartNode({.ground = DirectoryOnBtrfs()}));
  ASSERT_OK(node().CreateVolume("volume"));
  const std::vector<std::string> before = ListPool(node().disk().path());
  const Refusal refusal = StartOn(node().disk().path(), {"--create-pools"});
  EXPECT_THAT(refusal.end, HasSubstr(kEnded));
  EXPECT_THAT(refusal.log, AllOf(HasSubstr("another process owns the pool"),
                                 HasSubstr(absl::StrCat("pid ", node().driver().pid())),
                                 HasSubstr("stop it first")));
  EXPECT_EQ(ListPool(node().disk().path()), before);
  EXPECT_OK(node().CreateVolume("another"));
}

TEST_F(StartRefusalTest, PoolOfAnotherProcessBesideOneOfItsOwn) {
  ASSERT_NO_FATAL_FAILURE(StartNode({.ground = DirectoryOnBtrfs()}));
  ASSERT_OK_AND_ASSIGN(const TestFilesystem disk,
                       TestFilesystem::Create({.type = host::FilesystemType::kBtrfs}));
  const Refusal refusal =
      StartWith({absl::StrCat("own=", disk.path()), absl::StrCat("p=", node().disk().path())},
                {"--create-pools"});
  EXPECT_THAT(refusal.end, HasSubstr(kEnded));
  EXPECT_THAT(refusal.log, HasSubstr("another process owns the pool"));
}

TEST_F(StartRefusalTest, EveryMistakeInTheFlagsIsTold) {
  const Refusal refusal = StartWith(
      {"Bad Name=/mnt", "relative=mnt"},
      {"--endpoint=tcp://0.0.0.0:1", "--role=king", "--node-id=no/node", "--driver-name=-",
       "--log-level=loud", "--log-format=xml", "--overcommit=0.5", "--metrics-address=nowhere",
       "--static-path=/", "--static-path", "relative", "--static-path=/a/../b", "stray"});
  EXPECT_THAT(refusal.end, HasSubstr(kEndedForItsFlags));
  for (const char* const flag :
       {"--pool: \"Bad Name=/mnt\"", "--pool: \"relative=mnt\"", "--endpoint: ", "--role: ",
        "--node-id: ", "--driver-name: ", "--log-level: ", "--log-format: ", "--overcommit: ",
        "--metrics-address: ", "--static-path: \"/\" would give pods the whole node",
        "--static-path: path \"relative\"", "--static-path: path \"/a/../b\"",
        "stray: not a flag"}) {
    EXPECT_THAT(refusal.log, HasSubstr(flag));
  }
}

TEST_F(StartRefusalTest, FlagThatDoesNotExist) {
  const Refusal refusal = StartOn("/mnt/no/such/pool", {"--create-pool"});
  EXPECT_THAT(refusal.end, HasSubstr(kEnded));
  EXPECT_THAT(refusal.log, HasSubstr("create_pool"));
}

TEST_F(StartRefusalTest, NoPool) {
  const Refusal refusal = StartWith({}, {});
  EXPECT_THAT(refusal.end, HasSubstr(kEndedForItsFlags));
  EXPECT_THAT(refusal.log, HasSubstr("--pool: at least one is required, such as ssd=/mnt/ssd"));
}

TEST_F(StartRefusalTest, ControllersFlagsForTokens) {
  const Refusal incomplete = StartWith({}, {"--role=controller", "--link-authentication=token"});
  EXPECT_THAT(incomplete.end, HasSubstr(kEndedForItsFlags));
  for (const char* const mistake :
       {"--link-ca: a PEM file is required", "--link-cert: a PEM file is required",
        "--link-key: a PEM file is required", "--link-service-account: NAMESPACE/NAME",
        "--kubernetes-api: is required to review tokens"}) {
    EXPECT_THAT(incomplete.log, HasSubstr(mistake));
  }
  const Refusal wrong = StartWith(
      {}, {"--role=controller", "--link-authentication=token", "--link-service-account=just-a-name",
           "--kubernetes-api=http://10.0.0.1", "--link-token=/token"});
  EXPECT_THAT(wrong.end, HasSubstr(kEndedForItsFlags));
  for (const char* const mistake :
       {"--link-service-account: \"just-a-name\"", "--kubernetes-api: \"http://10.0.0.1\"",
        "--kubernetes-ca: ", "--kubernetes-token: ",
        "--link-token: \"/token\" is for --role=node"}) {
    EXPECT_THAT(wrong.log, HasSubstr(mistake));
  }
}

TEST_F(StartRefusalTest, FlagsForTokensThatHaveNoUse) {
  const Refusal by_certificate =
      StartWith({}, {"--role=controller", "--link-audience=a", "--link-service-account=b/c",
                     "--kubernetes-ca=d", "--kubernetes-token=e"});
  EXPECT_THAT(by_certificate.end, HasSubstr(kEndedForItsFlags));
  for (const char* const mistake :
       {"--link-audience: \"a\" is for --link-authentication=token",
        "--link-service-account: \"b/c\" is for --link-authentication=token",
        "--kubernetes-ca: \"d\" is for --kubernetes-api",
        "--kubernetes-token: \"e\" is for --kubernetes-api"}) {
    EXPECT_THAT(by_certificate.log, HasSubstr(mistake));
  }
  const Refusal node =
      StartWith({}, {"--role=node", "--controller=c:1", "--link-token=t", "--link-cert=c",
                     "--link-authentication=token", "--kubernetes-api=in-cluster"});
  EXPECT_THAT(node.end, HasSubstr(kEndedForItsFlags));
  for (const char* const mistake :
       {"--link-ca: a PEM file is required", "--link-token: \"t\": a node shows a token or",
        "--link-authentication: \"token\" is for --role=controller",
        "--kubernetes-api: \"in-cluster\" is for --role=controller"}) {
    EXPECT_THAT(node.log, HasSubstr(mistake));
  }
  // With a token it needs no certificate of its own.
  EXPECT_THAT(node.log, ::testing::Not(HasSubstr("--link-key: ")));
}

TEST_F(StartRefusalTest, NodesAreNotForgottenInHasteNorWithoutTheApiServer) {
  const Refusal hasty = StartWith({}, {"--role=controller", "--forget-node-after=59s"});
  EXPECT_THAT(hasty.end, HasSubstr(kEndedForItsFlags));
  for (const char* const mistake : {"--forget-node-after: 59s needs --kubernetes-api",
                                    "--forget-node-after: 59s is less than a minute"}) {
    EXPECT_THAT(hasty.log, HasSubstr(mistake));
  }
  const Refusal node = StartWith({}, {"--role=node", "--forget-node-after=24h"});
  EXPECT_THAT(node.end, HasSubstr(kEndedForItsFlags));
  EXPECT_THAT(node.log, HasSubstr("--forget-node-after: \"24h\" is for --role=controller"));
}

TEST_F(StartRefusalTest, StartupTaintNeedsTheApiServerAndAKeyThatCanBeOne) {
  const Refusal controller = StartWith({}, {"--role=controller", "--startup-taint=a:NoExecute"});
  EXPECT_THAT(controller.end, HasSubstr(kEndedForItsFlags));
  for (const char* const mistake : {"--startup-taint: \"a:NoExecute\" needs --kubernetes-api",
                                    "--startup-taint: \"a:NoExecute\" is no key of a taint"}) {
    EXPECT_THAT(controller.log, HasSubstr(mistake));
  }
  const Refusal node = StartWith({}, {"--role=node", "--startup-taint=a"});
  EXPECT_THAT(node.log, HasSubstr("--startup-taint: \"a\" is for --role=controller"));
}

TEST_F(StartRefusalTest, RegistrationIsOfNodesAndWhereKubeletIs) {
  const Refusal controller =
      StartWith({}, {"--role=controller", "--registration-dir=here", "--kubelet-endpoint=there"});
  EXPECT_THAT(controller.end, HasSubstr(kEndedForItsFlags));
  for (const char* const mistake : {"--registration-dir: \"here\": a controller has no kubelet",
                                    "--registration-dir: \"here\" must be an absolute path",
                                    "--kubelet-endpoint: \"there\" must be an absolute path"}) {
    EXPECT_THAT(controller.log, HasSubstr(mistake));
  }
  const Refusal alone = StartWith({}, {"--role=node", "--kubelet-endpoint=/there"});
  EXPECT_THAT(alone.log, HasSubstr("--kubelet-endpoint: \"/there\" is for --registration-dir"));
}

}  // namespace
}  // namespace nodevol::testing
