// SPDX-License-Identifier: Apache-2.0
//
// A static volume, whose PersistentVolume an administrator wrote: shared by two pods, deleted and
// still there, over the socket.
#include <sys/stat.h>

#include <string>

#include "test/service/pod.h"
#include "test/service/service_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using Controller = CsiClient::Controller;
using Node = CsiClient::Node;
using Mode = csi::v1::VolumeCapability::AccessMode;
using ::testing::HasSubstr;

constexpr char kId[] = "static:shared-data";

class StaticVolumeTest : public ServiceFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        StartNode({.ground = DirectoryOnBtrfs(), .more_flags = {"--static-path=" + prefix_}}));
  }

  template <typename Request>
  Request RequestFor(const Pod& pod, const std::string& path) {
    Request request;
    request.set_volume_id(kId);
    request.set_staging_target_path(pod.staging());
    *request.mutable_volume_capability() = MountCapability("", Mode::MULTI_NODE_MULTI_WRITER);
    (*request.mutable_volume_context())["path"] = path;
    (*request.mutable_volume_context())["type"] = "DirectoryOrCreate";
    return request;
  }
  absl::Status Start(const Pod& pod, const std::string& path, bool read_only = false) {
    const absl::Status staged =
        client()
            .csi()
            .Call(&Node::NodeStageVolume, RequestFor<csi::v1::NodeStageVolumeRequest>(pod, path))
            .status();
    if (!staged.ok()) return staged;
    auto publish = RequestFor<csi::v1::NodePublishVolumeRequest>(pod, path);
    publish.set_target_path(pod.target());
    publish.set_readonly(read_only);
    return client().csi().Call(&Node::NodePublishVolume, publish).status();
  }

  const std::string prefix_ = NewDirectory();
};

TEST_F(StaticVolumeTest, IsSharedAndOutlivesItsPodsAndItsDeletion) {
  const Pod writer(kId, node().directory(), "writer");
  const Pod reader(kId, node().directory(), "reader");
  ASSERT_OK(Start(writer, prefix_ + "/team/data"));
  ASSERT_OK(Start(reader, prefix_ + "/team/data", /*read_only=*/true));
  ASSERT_OK(writer.Write("file", "content"));
  EXPECT_THAT(reader.Read("file", 7), IsOkAndHolds("content"));
  EXPECT_FALSE(reader.Write("file", "changed").ok());
  EXPECT_THAT(Start(Pod(kId, node().directory(), "curious"), "/etc"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(prefix_)));
  ASSERT_OK(node().Stop());
  ASSERT_OK(node().Start());
  EXPECT_OK(client().Stats(kId, writer.target()));
  for (int i = 0; i < 2; ++i) {
    EXPECT_OK(writer.Stop(client()));
    EXPECT_OK(reader.Stop(client()));
    EXPECT_OK(client().Delete(kId));
  }
  struct stat file = {};
  EXPECT_EQ(::stat((prefix_ + "/team/data/file").c_str(), &file), 0);
  EXPECT_EQ(file.st_size, 7);
}

}  // namespace
}  // namespace nodevol::testing
