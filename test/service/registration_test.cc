// SPDX-License-Identifier: Apache-2.0
//
// The driver registers itself with kubelet, and stays registered over its own ends.
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

#include "rpc/scratch_directory.h"
#include "test/service/service_fixture.h"
#include "test/support/fake_kubelet.h"
#include "test/support/http_request.h"

namespace nodevol::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kEndpoint[] = "/var/lib/kubelet/plugins/csi.nodevol.io/csi.sock";

class RegistrationTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        StartNode({.ground = DirectoryOnBtrfs(),
                   .more_flags = {absl::StrCat("--registration-dir=", registry_.path()),
                                  absl::StrCat("--kubelet-endpoint=", kEndpoint),
                                  absl::StrCat("--metrics-address=127.0.0.1:", port_)}}));
  }
  [[nodiscard]] absl::Status IsOffered() const {
    const absl::StatusOr<pluginregistration::PluginInfo> info = FakeKubelet(socket_).Ask();
    if (!info.ok()) return info.status();
    EXPECT_EQ(info->name(), "csi.nodevol.io");
    EXPECT_EQ(info->endpoint(), kEndpoint);
    return absl::OkStatus();
  }
  [[nodiscard]] bool SocketExists() const { return ::access(socket_.c_str(), F_OK) == 0; }

  const uint16_t port_ = FreePort();
  const rpc::ScratchDirectory registry_;
  const std::string socket_ = registry_ / "csi.nodevol.io-reg.sock";
};

TEST_F(RegistrationTest, IsOfferedAndWhatKubeletSaysIsInTheMetrics) {
  EXPECT_OK(IsOffered());
  EXPECT_THAT(AskHttp(port_, "GET /metrics"), HasSubstr("nodevol_kubelet_registered 0"));
  EXPECT_OK(FakeKubelet(socket_).Tell(true, ""));
  EXPECT_THAT(AskHttp(port_, "GET /metrics"), HasSubstr("nodevol_kubelet_registered 1"));
}

TEST_F(RegistrationTest, DriverThatWasKilledIsOfferedAgainInPlaceOfTheOld) {
  node().driver().Kill();
  EXPECT_TRUE(SocketExists());
  ASSERT_OK(node().Start());
  EXPECT_OK(IsOffered());
}

TEST_F(RegistrationTest, DriverThatEndsInOrderIsOfferedNoLonger) {
  ASSERT_OK(node().Stop());
  EXPECT_FALSE(SocketExists());
  ASSERT_OK(node().Start());
  EXPECT_OK(IsOffered());
}

}  // namespace
}  // namespace nodevol::testing
