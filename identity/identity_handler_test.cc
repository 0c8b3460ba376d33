// SPDX-License-Identifier: Apache-2.0
#include "identity/identity_handler.h"

#include <set>
#include <string>

#include "test/support/matchers.h"

namespace nodevol::identity {
namespace {

using csi::v1::PluginCapability;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

class IdentityHandlerTest : public ::testing::Test {
 protected:
  [[nodiscard]] IdentityHandler Handler(bool has_controller = true) {
    return IdentityHandler(
        {.driver_name = "csi.nodevol.io", .version = "1.2.3", .has_controller = has_controller});
  }

  static std::multiset<std::string> CapabilitiesOf(const IdentityHandler& handler) {
    std::multiset<std::string> all;
    const csi::v1::GetPluginCapabilitiesResponse response = handler.GetPluginCapabilities();
    for (const PluginCapability& capability : response.capabilities()) {
      if (capability.has_service()) {
        all.insert(PluginCapability::Service::Type_Name(capability.service().type()));
      } else if (capability.has_volume_expansion()) {
        all.insert(
            PluginCapability::VolumeExpansion::Type_Name(capability.volume_expansion().type()));
      } else {
        all.insert("none");
      }
    }
    return all;
  }
};

TEST_F(IdentityHandlerTest, SaysItsNameAndVersion) {
  const csi::v1::GetPluginInfoResponse info = Handler().GetPluginInfo();
  EXPECT_EQ(info.name(), "csi.nodevol.io");
  EXPECT_EQ(info.vendor_version(), "1.2.3");
}

TEST_F(IdentityHandlerTest, AnnouncesExactlyWhatItServes) {
  EXPECT_EQ(CapabilitiesOf(Handler(/*has_controller=*/true)),
            (std::multiset<std::string>{"CONTROLLER_SERVICE", "GROUP_CONTROLLER_SERVICE",
                                        "SNAPSHOT_METADATA_SERVICE",
                                        "VOLUME_ACCESSIBILITY_CONSTRAINTS", "ONLINE"}));
  EXPECT_EQ(CapabilitiesOf(Handler(/*has_controller=*/false)),
            (std::multiset<std::string>{"VOLUME_ACCESSIBILITY_CONSTRAINTS", "ONLINE"}));
}

TEST_F(IdentityHandlerTest, ProbeIsReady) {
  const csi::v1::ProbeResponse response = Handler().Probe();
  EXPECT_TRUE(response.has_ready());
  EXPECT_TRUE(response.ready().value());
}

TEST(CheckDriverNameTest, DomainNamesPass) {
  for (const std::string& good : {std::string("csi.nodevol.io"), std::string("a"),
                                  std::string("A-1.b"), std::string("9"), std::string(63, 'x')}) {
    EXPECT_OK(CheckDriverName(good)) << good;
  }
}

TEST(CheckDriverNameTest, AnythingElseIsRefusedWithTheRemedy) {
  for (const std::string& bad :
       {std::string(), std::string("-a"), std::string("a-"), std::string(".a"), std::string("a."),
        std::string("a_b"), std::string("a/b"), std::string("a b"), std::string("größe"),
        std::string("a\0b", 3), std::string(64, 'x')}) {
    EXPECT_THAT(CheckDriverName(bad),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("such as csi.nodevol.io")))
        << bad;
  }
}

}  // namespace
}  // namespace nodevol::identity
