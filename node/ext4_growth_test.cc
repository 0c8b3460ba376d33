// SPDX-License-Identifier: Apache-2.0
//
// ext4 in a driver that was not given CAP_SYS_RESOURCE.
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Lt;

constexpr int64_t kLarger = 2 * kVolumeBytes;

// In this thread and in those that it starts, for ever.
void GiveUpSysResource() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets = {};
  ASSERT_EQ(syscall(SYS_capget, &header, sets.data()), 0);
  constexpr uint32_t kKept = ~(uint32_t{1} << CAP_SYS_RESOURCE);
  sets[0].effective &= kKept;
  sets[0].permitted &= kKept;
  sets[0].inheritable &= kKept;
  ASSERT_EQ(syscall(SYS_capset, &header, sets.data()), 0);
}

class Ext4GrowthTest : public NodeFixture {
 protected:
  Ext4GrowthTest() : NodeFixture(Ext4OnXfs()) {}
  // The driver lives in a thread without the capability.
  void SetUp() override {}
  void TearDown() override {}

  void RunWithoutCapability() {
    GiveUpSysResource();
    NodeFixture::SetUp();
    ASSERT_OK(Stage());
    ASSERT_OK(Publish(Target()));
    ASSERT_OK(WriteContent(Target(), "content"));
    ASSERT_OK(world_->ControllerExpand(volume_, kLarger));
    EXPECT_THAT(Expand(staging_),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("CAP_SYS_RESOURCE")));
    EXPECT_THAT(SizeSeenAt(Target()), IsOkAndHolds(Lt(kVolumeBytes)));
    EXPECT_OK(WriteContent(Target(), "content")) << "it can be used on";
    ASSERT_OK(Unpublish(Target()));
    ASSERT_OK(Unstage());

    ASSERT_OK(Stage());
    EXPECT_THAT(SizeSeenAt(staging_), IsOkAndHolds(Ge(kLarger * 3 / 4)));
    EXPECT_THAT(ReadContent(staging_), IsOkAndHolds("content"));
    EXPECT_OK(Expand(staging_)) << "nothing is left to do";
    NodeFixture::TearDown();
    world_.reset();
  }
};

TEST_F(Ext4GrowthTest, WithoutTheCapabilityItGrowsWhenItIsStagedNext) {
  std::thread([this] { RunWithoutCapability(); }).join();
}

}  // namespace
}  // namespace nodevol::node
