// SPDX-License-Identifier: Apache-2.0
//
// A pod's inline volume, as kubelet has it: published and unpublished, over the socket.
#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"

#include "test/service/pod.h"
#include "test/service/pool_listing.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using ::testing::AnyOf;

constexpr int64_t kBytes = 64 * kMiB;

class InlineVolumeTest : public GroundFixture {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartNode({.ground = GetParam()})); }
};
INSTANTIATE_FOR_GROUNDS(InlineVolumeTest, DirectoryOnBtrfs(), ImageOnXfs());

TEST_P(InlineVolumeTest, LivesWithItsPodThroughACrashOfTheDriver) {
  const Pod pod(absl::StrCat("csi-", std::string(64, '7')), node().directory(), "pod");
  ASSERT_OK(client().PublishInline(pod.volume_id(), pod.target(), kBytes));
  ASSERT_OK(pod.Write("file", "content"));
  node().driver().Kill();
  ASSERT_OK(node().Start());
  ASSERT_OK(client().PublishInline(pod.volume_id(), pod.target(), kBytes));
  EXPECT_THAT(pod.Read("file", 7), IsOkAndHolds("content"));
  EXPECT_OK(client().Stats(pod.volume_id(), pod.target()));
  int error = 0;
  EXPECT_LE(pod.Fill("large", error), kBytes);
  EXPECT_THAT(error, AnyOf(ENOSPC, EDQUOT));
  ASSERT_OK_AND_ASSIGN(const auto listed, client().csi().Call(&CsiClient::Controller::ListVolumes,
                                                              csi::v1::ListVolumesRequest()));
  EXPECT_EQ(listed.entries_size(), 0);
  for (int i = 0; i < 2; ++i) EXPECT_OK(client().Unpublish(pod.volume_id(), pod.target()));
  EXPECT_OK(CheckEmpty(node().disk().path() + "/volumes"));
  EXPECT_OK(Eventually([this] { return CheckPoolEmpty(node().disk()); }));
}

}  // namespace
}  // namespace nodevol::testing
