// SPDX-License-Identifier: Apache-2.0
#include "identity/identity_service.h"

#include <memory>

#include "rpc/scratch_directory.h"
#include "rpc/server.h"
#include "test/client/csi_client.h"
#include "test/support/matchers.h"

namespace nodevol::identity {
namespace {

using nodevol::testing::CsiClient;

class IdentityServiceTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(server_, rpc::Server::Start(path_, {&service_})); }

  const rpc::ScratchDirectory directory_;
  const std::string path_ = directory_ / "csi.sock";
  rpc::Metrics metrics_;
  rpc::Calls calls_{metrics_};
  const IdentityHandler handler_{
      {.driver_name = "csi.nodevol.io", .version = "1.2.3", .has_controller = true}};
  IdentityService service_{calls_, handler_};
  std::unique_ptr<rpc::Server> server_;
  CsiClient client_{path_};
};

TEST_F(IdentityServiceTest, EveryCallReachesItsHandler) {
  ASSERT_OK_AND_ASSIGN(const auto info, client_.Call(&CsiClient::Identity::GetPluginInfo,
                                                     csi::v1::GetPluginInfoRequest()));
  EXPECT_EQ(info.name(), "csi.nodevol.io");
  ASSERT_OK_AND_ASSIGN(const auto capabilities,
                       client_.Call(&CsiClient::Identity::GetPluginCapabilities,
                                    csi::v1::GetPluginCapabilitiesRequest()));
  EXPECT_EQ(capabilities.capabilities_size(), 5);
  ASSERT_OK_AND_ASSIGN(const auto probe,
                       client_.Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest()));
  EXPECT_TRUE(probe.ready().value());
}

}  // namespace
}  // namespace nodevol::identity
