// SPDX-License-Identifier: Apache-2.0
//
// Who can't be served by the administrator's commands, and what they are told.
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "test/service/admin_command.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class AdminRefusalTest : public ServiceFixture {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartNode({.ground = ImageOnXfs()})); }

  [[nodiscard]] std::string AdminSocket() const {
    return AdminSocketOf(node().DriverOptions().socket_path);
  }
};

TEST_F(AdminRefusalTest, SocketIsRootsAndGoesWithTheDriver) {
  struct stat info = {};
  ASSERT_EQ(::stat(AdminSocket().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  EXPECT_EQ(RunOn(node(), "pool list").exit, 0);
  ASSERT_OK(node().Stop());
  EXPECT_NE(::access(AdminSocket().c_str(), F_OK), 0);
  EXPECT_THAT(RunOn(node(), "pool list"),
              EndedWith(3, AllOf(HasSubstr(AdminSocket()), HasSubstr("there is no such socket"),
                                 HasSubstr("Is the driver running"))));
}

TEST_F(AdminRefusalTest, KilledDriverIsToldFromOneThatNeverWas) {
  node().driver().Kill();
  EXPECT_THAT(RunOn(node(), "doctor"),
              EndedWith(3, AllOf(HasSubstr(AdminSocket()), HasSubstr("nobody listens there"))));
  // What needs no driver goes on.
  EXPECT_EQ(RunCommand({"pool", "check", node().disk().path()}).exit, 0);
  EXPECT_THAT(RunOn(node(), "pool check p"), EndedWith(3, HasSubstr(AdminSocket())));
  ASSERT_OK(node().Start());
  EXPECT_EQ(RunOn(node(), "doctor --size 32Mi").exit, 0);
}

TEST_F(AdminRefusalTest, OtherUsersAreRefusedWithTheRemedy) {
  constexpr uid_t kNobody = 65534;
  EXPECT_THAT(RunOn(node(), "pool list", {.user = kNobody}),
              EndedWith(3, AllOf(HasSubstr(AdminSocket()), HasSubstr("Run the command as root"))));
}

TEST_F(AdminRefusalTest, CsiSocketIsNotTakenForIt) {
  const CommandResult result = RunCommand(
      {"pool", "list", absl::StrCat("--admin-socket=unix://", node().DriverOptions().socket_path)});
  EXPECT_THAT(result, EndedWith(3, HasSubstr("its CSI socket")));
  csi::v1::ListVolumesRequest request;
  CsiClient client(AdminSocket());
  EXPECT_THAT(client.Call(&CsiClient::Controller::ListVolumes, request),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(AdminRefusalTest, HelpAndMistakesNeedNoDriver) {
  EXPECT_THAT(RunCommand({"help"}), EndedWith(0, HasSubstr("nodevol doctor")));
  EXPECT_THAT(RunCommand({"version"}), EndedWith(0, StartsWith("nodevol 0.")));
  const CommandResult mistake = RunCommand({"volum", "list"});
  EXPECT_THAT(mistake, EndedWith(2, HasSubstr("there is no command \"volum\"; see nodevol help")));
  EXPECT_THAT(mistake.out, IsEmpty());
}

class AdminSocketFlagTest : public AdminRefusalTest {
 protected:
  // The end of a driver with this flag, on the node's pool.
  std::string EndWith(const std::string& flag) {
    EXPECT_OK(node().Stop());
    DriverProcess::Options options = node().DriverOptions();
    options.log_path = node().directory() + "/log-of-the-flag";
    options.more_flags.push_back(flag);
    absl::StatusOr<DriverProcess> driver = DriverProcess::Start(options);
    if (driver.ok()) return absl::StrCat("served\n", driver->Log());
    return driver.status().ToString();
  }
};

TEST_F(AdminSocketFlagTest, EmptyServesNone) {
  EXPECT_THAT(EndWith("--admin-socket="), StartsWith("served"));
  EXPECT_NE(::access(AdminSocket().c_str(), F_OK), 0);
}

TEST_F(AdminSocketFlagTest, NamedSocketMustBeServed) {
  EXPECT_THAT(
      EndWith("--admin-socket=unix:///proc/no/such/admin.sock"),
      AllOf(HasSubstr("ended with 1"), HasSubstr("--admin-socket: "), HasSubstr("/proc/no/such")));
}

TEST_F(AdminSocketFlagTest, BadEndpointsAreNamed) {
  EXPECT_THAT(EndWith("--admin-socket=tcp://0.0.0.0:1"),
              AllOf(HasSubstr("ended with 2"), HasSubstr("--admin-socket: endpoint")));
  EXPECT_THAT(EndWith(absl::StrCat("--admin-socket=unix://", node().DriverOptions().socket_path)),
              AllOf(HasSubstr("ended with 2"), HasSubstr("is the CSI socket")));
}

}  // namespace
}  // namespace nodevol::testing
