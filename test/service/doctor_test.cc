// SPDX-License-Identifier: Apache-2.0
//
// Why a volume can't be made here, asked before anybody tries.
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"

#include "proto/admin.pb.h"
#include "test/service/admin_command.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class DoctorTest : public ServiceFixture {
 protected:
  void Start(const Ground& ground) { ASSERT_NO_FATAL_FAILURE(StartNode({.ground = ground})); }
  [[nodiscard]] CommandResult Doctor(const std::string& options) const {
    return RunOn(node(), absl::StrCat("doctor ", options));
  }
};

TEST_F(DoctorTest, HealthyNode) {
  Start(ImageOnExt4());
  EXPECT_THAT(
      Doctor("--size 300Mi"),
      EndedWith(0, AllOf(HasSubstr("node node-1, driver csi.nodevol.io"),
                         HasSubstr("pool p: yes: 300 MiB (314572800 bytes) as an image with ext4"),
                         HasSubstr("The volume would be made in pool p."),
                         HasSubstr("/dev/loop-control"), HasSubstr("kernel"))));
  EXPECT_THAT(Doctor("--size 300Mi --fs-type xfs").out, HasSubstr("an image with xfs"));
  EXPECT_THAT(Doctor("--size 1Mi --block").out, HasSubstr("as a raw block image"));
  EXPECT_THAT(RunOn(node(), "volume list -o json").out, HasSubstr("\"volumes\": []"));
}

TEST_F(DoctorTest, TooLarge) {
  Start(ImageOnExt4());
  EXPECT_THAT(Doctor("--size 1Ti"),
              EndedWith(1, AllOf(HasSubstr("pool p: no: 1 TiB (1099511627776 bytes) wanted, "),
                                 HasSubstr("The volume would not be made here."))));
}

TEST_F(DoctorTest, UnknownPool) {
  Start(ImageOnExt4());
  EXPECT_THAT(Doctor("--size 32Mi --parameter pool=nvme"),
              EndedWith(1, HasSubstr("pool p: not asked: pool \"nvme\" is asked for")));
}

TEST_F(DoctorTest, DirectoryWhereNothingLimitsIt) {
  Start(ImageOnExt4());
  EXPECT_THAT(Doctor("--size 32Mi --parameter backend=directory"),
              EndedWith(1, HasSubstr("pool p: no: can't limit the size of directories: ")));
}

TEST_F(DoctorTest, DirectoryOnBtrfs) {
  Start(DirectoryOnBtrfs());
  EXPECT_THAT(Doctor("--size 32Mi --parameter backend=directory"),
              EndedWith(0, HasSubstr("as a directory")));
}

TEST_F(DoctorTest, RequestsThatContradictThemselves) {
  Start(DirectoryOnBtrfs());
  EXPECT_THAT(Doctor("--size 32Mi --block --parameter backend=directory"),
              EndedWith(1, AllOf(HasSubstr("No pool can have such a volume"),
                                 HasSubstr("can't be a raw block volume"))));
  EXPECT_THAT(Doctor("--size 32Mi --parameter colour=red"),
              EndedWith(1, HasSubstr("unknown parameter \"colour\"")));
  EXPECT_THAT(Doctor("--size 32Mi --parameter inodeLimit=5"),
              EndedWith(1, HasSubstr("pool p: no: parameter inodeLimit")));
  EXPECT_THAT(Doctor("--size 300Mi --fs-type zfs"),
              EndedWith(1, HasSubstr("filesystem type \"zfs\" is not known")));
}

TEST_F(DoctorTest, FaultedPool) {
  Start(ImageOnExt4());
  ASSERT_OK(node().disk().CutPower());
  ASSERT_OK(Eventually([this] {
    return Doctor("--size 32Mi").exit == 1 ? absl::OkStatus()
                                           : absl::DeadlineExceededError("it has not failed yet");
  }));
  EXPECT_THAT(Doctor("--size 32Mi"),
              EndedWith(1, AllOf(HasSubstr("pool p: no: pool \"p\" is faulted"),
                                 HasSubstr("Look after the disk"))));
}

TEST_F(DoctorTest, AnswerInJsonHasEveryVerdict) {
  Start(ImageOnExt4());
  const CommandResult result = Doctor("--size 1Ti -o json");
  EXPECT_EQ(result.exit, 1);
  admin::v1::DiagnoseResponse response;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &response).ok());
  EXPECT_FALSE(response.possible());
  ASSERT_EQ(response.verdicts_size(), 1);
  EXPECT_EQ(response.verdicts(0).code(), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(response.verdicts(0).size_bytes(), int64_t{1} << 40);
  EXPECT_EQ(response.verdicts(0).fs_type(), "ext4");
  EXPECT_GT(response.findings_size(), 5);
}

}  // namespace
}  // namespace nodevol::testing
