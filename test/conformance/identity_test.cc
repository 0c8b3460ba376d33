// SPDX-License-Identifier: Apache-2.0
//
// Group 1, Identity. A driver that is unhealthy or still starting needs somebody who makes it so:
// identity/identity_handler_test.cc, storage/pool_guard_test.cc.
#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "google/protobuf/util/message_differencer.h"

#include "test/conformance/fixture.h"

namespace nodevol::testing {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

using VolumeExpansion = csi::v1::PluginCapability::VolumeExpansion;

class IdentityConformance : public ConformanceTest {
 protected:
  // Answers of several connections, to both endpoints where there are two.
  template <typename Request, typename Response>
  std::vector<Response> AskEverywhere(grpc::Status (Identity::*method)(grpc::ClientContext*,
                                                                       const Request&, Response*)) {
    std::vector<Response> answers;
    for (int i = 0; i < 3; ++i) {
      for (const std::string& socket : {options().socket_path, options().controller_socket_path}) {
        CsiClient client(socket);
        const absl::StatusOr<Response> answer = client.Call(method, Request());
        EXPECT_OK(answer);
        if (answer.ok()) answers.push_back(*answer);
      }
    }
    return answers;
  }
};

// GetPluginInfoResponse.name.
TEST_F(IdentityConformance, PluginNameIsADomainNameOfAtMost63Characters) {
  ASSERT_OK_AND_ASSIGN(const auto info,
                       driver().Call(&Identity::GetPluginInfo, csi::v1::GetPluginInfoRequest()));
  const std::string& name = info.name();
  EXPECT_THAT(name, AllOf(Not(IsEmpty()), SizeIs(Le(63U))));
  const auto alphanumeric = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c));
  };
  EXPECT_TRUE(std::all_of(name.begin(), name.end(), [&](char c) {
    return alphanumeric(c) || c == '-' || c == '.';
  })) << name;
  ASSERT_FALSE(name.empty());
  EXPECT_TRUE(alphanumeric(name.front()) && alphanumeric(name.back())) << name;
  EXPECT_EQ(name.find(".."), std::string::npos) << name;
}

// GetPluginInfoResponse.vendor_version is REQUIRED.
TEST_F(IdentityConformance, VendorVersionIsSaid) {
  ASSERT_OK_AND_ASSIGN(const auto info,
                       driver().Call(&Identity::GetPluginInfo, csi::v1::GetPluginInfoRequest()));
  EXPECT_THAT(info.vendor_version(), Not(IsEmpty()));
}

// "Probe": OK and true, or left out, from a plugin that serves.
TEST_F(IdentityConformance, ServingPluginIsReady) {
  ASSERT_OK_AND_ASSIGN(const auto probed, driver().Call(&Identity::Probe, csi::v1::ProbeRequest()));
  EXPECT_TRUE(!probed.has_ready() || probed.ready().value());
}

// "GetPluginCapabilities": all instances of a version return the same, whatever they serve.
TEST_F(IdentityConformance, EveryInstanceAnnouncesTheSame) {
  const auto capabilities = AskEverywhere(&Identity::GetPluginCapabilities);
  ASSERT_FALSE(capabilities.empty());
  for (const auto& answer : capabilities) {
    EXPECT_TRUE(MessageDifferencer::Equals(answer, capabilities.front()))
        << answer.ShortDebugString() << " and " << capabilities.front().ShortDebugString();
  }
  const auto infos = AskEverywhere(&Identity::GetPluginInfo);
  ASSERT_FALSE(infos.empty());
  for (const auto& answer : infos) EXPECT_EQ(answer.name(), infos.front().name());
}

// PluginCapability, ControllerServiceCapability: what is announced has a meaning.
TEST_F(IdentityConformance, NothingUnknownIsAnnounced) {
  EXPECT_FALSE(driver().Announces(PluginService::UNKNOWN));
  EXPECT_FALSE(driver().Announces(VolumeExpansion::UNKNOWN));
  EXPECT_FALSE(driver().Announces(ControllerRpc::UNKNOWN));
  EXPECT_FALSE(driver().Announces(GroupRpc::UNKNOWN));
  EXPECT_FALSE(driver().Announces(NodeRpc::UNKNOWN));
}

// ControllerServiceCapability.RPC, and PluginCapability.VolumeExpansion.
TEST_F(IdentityConformance, CapabilitiesThatNeedOthersComeWithThem) {
  if (driver().Announces(ControllerRpc::LIST_VOLUMES_PUBLISHED_NODES)) {
    EXPECT_TRUE(driver().Announces(ControllerRpc::PUBLISH_UNPUBLISH_VOLUME));
  }
  if (driver().Announces(ControllerRpc::LIST_VOLUME_HEALTH)) {
    EXPECT_TRUE(driver().Announces(ControllerRpc::GET_VOLUME_HEALTH));
  }
  if (driver().Announces(VolumeExpansion::ONLINE)) {
    EXPECT_TRUE(driver().Announces(ControllerRpc::EXPAND_VOLUME) ||
                driver().Announces(NodeRpc::EXPAND_VOLUME));
  }
  if (driver().Announces(VolumeExpansion::OFFLINE)) {
    EXPECT_TRUE(driver().Announces(ControllerRpc::EXPAND_VOLUME));
  }
  // A plugin that returns topology "MUST also set" it (NodeGetInfoResponse.accessible_topology).
  if (driver().node().has_accessible_topology()) {
    EXPECT_TRUE(driver().Announces(PluginService::VOLUME_ACCESSIBILITY_CONSTRAINTS));
  }
}

// "GetPluginCapabilities": without CONTROLLER_SERVICE and its like a CO calls nothing of them.
TEST_F(IdentityConformance, ServicesThatAreNotAnnouncedAreNotServed) {
  for (const PluginService::Type service :
       {PluginService::CONTROLLER_SERVICE, PluginService::GROUP_CONTROLLER_SERVICE,
        PluginService::SNAPSHOT_METADATA_SERVICE}) {
    if (!driver().Announces(service)) ExpectUnimplemented(service);
  }
}

}  // namespace
}  // namespace nodevol::testing
