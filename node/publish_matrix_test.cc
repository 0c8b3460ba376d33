// SPDX-License-Identifier: Apache-2.0
//
// The spec's table of what a second NodePublishVolume answers (NodePublishVolume, second table):
// T is the target path, P all other arguments.
#include <string>
#include <vector>

#include "node/node_fixture.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::StatusCode kRefused = absl::StatusCode::kFailedPrecondition;

class PublishMatrixTest : public NodeFixture {
 protected:
  static bool IsReaderOnly(Mode::Mode mode) { return mode == Mode::SINGLE_NODE_READER_ONLY; }

  // Other arguments than PublishRequest(target, mode) has, which the volume has too.
  std::vector<csi::v1::NodePublishVolumeRequest> WithOtherArguments(const std::string& target,
                                                                    Mode::Mode mode) {
    std::vector<csi::v1::NodePublishVolumeRequest> others;
    // Nobody writes to a reader's volume anyway: there readonly is no other argument.
    if (!IsReaderOnly(mode)) others.push_back(PublishRequest(target, mode, /*read_only=*/true));
    others.push_back(PublishRequest(target, mode == Mode::SINGLE_NODE_WRITER
                                                ? Mode::SINGLE_NODE_SINGLE_WRITER
                                                : Mode::SINGLE_NODE_WRITER));
    if (!kind_.block) {
      others.push_back(PublishRequest(target, mode));
      others.back().mutable_volume_capability()->mutable_mount()->add_mount_flags("noatime");
    }
    return others;
  }
};
INSTANTIATE_FOR_KINDS(PublishMatrixTest, AllKinds());

TEST_P(PublishMatrixTest, SameTargetSameArgumentsIsOk) {
  for (const Mode::Mode mode : {Mode::SINGLE_NODE_SINGLE_WRITER, Mode::SINGLE_NODE_MULTI_WRITER,
                                Mode::SINGLE_NODE_WRITER, Mode::SINGLE_NODE_READER_ONLY}) {
    SCOPED_TRACE(Mode::Mode_Name(mode));
    ASSERT_OK(Stage(mode));
    for (const bool read_only : {false, true}) {
      ASSERT_OK(Publish(Target(), mode, read_only));
      EXPECT_OK(Publish(Target(), mode, read_only));
      ASSERT_OK(Unpublish(Target()));
      EXPECT_FALSE(IsMountRoot(Target())) << "it was mounted twice";
    }
    ASSERT_OK(Unstage());
  }
}

TEST_P(PublishMatrixTest, SameTargetOtherArgumentsIsAlreadyExists) {
  for (const Mode::Mode mode : {Mode::SINGLE_NODE_SINGLE_WRITER, Mode::SINGLE_NODE_MULTI_WRITER,
                                Mode::SINGLE_NODE_WRITER, Mode::SINGLE_NODE_READER_ONLY}) {
    SCOPED_TRACE(Mode::Mode_Name(mode));
    ASSERT_OK(Stage(mode));
    ASSERT_OK(Publish(Target(), mode));
    for (const csi::v1::NodePublishVolumeRequest& other : WithOtherArguments(Target(), mode)) {
      EXPECT_THAT(Publish(other), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(Target())))
          << other.DebugString();
    }
    EXPECT_OK(Publish(Target(), mode)) << "the first is untouched";
    ASSERT_OK(Unpublish(Target()));
    ASSERT_OK(Unstage());
  }
}

TEST_P(PublishMatrixTest, OtherTargetIsRefusedInModesOfOneTarget) {
  for (const Mode::Mode mode :
       {Mode::SINGLE_NODE_SINGLE_WRITER, Mode::SINGLE_NODE_WRITER, Mode::SINGLE_NODE_READER_ONLY}) {
    SCOPED_TRACE(Mode::Mode_Name(mode));
    ASSERT_OK(Stage(mode));
    ASSERT_OK(Publish(Target(), mode));
    EXPECT_THAT(Publish(Target("other"), mode), StatusIs(kRefused, HasSubstr(Target())));
    for (const auto& other : WithOtherArguments(Target("other"), mode)) {
      EXPECT_THAT(Publish(other), StatusIs(kRefused)) << other.DebugString();
    }
    EXPECT_THAT(NamesIn(targets_), ElementsAre("target")) << "nothing is left of the attempt";
    ASSERT_OK(Unpublish(Target()));
    EXPECT_OK(Publish(Target("other"), mode)) << "it is free again";
    ASSERT_OK(Unpublish(Target("other")));
    ASSERT_OK(Unstage());
  }
}

TEST_P(PublishMatrixTest, OtherTargetIsOkForSeveralWriters) {
  const Mode::Mode mode = Mode::SINGLE_NODE_MULTI_WRITER;
  ASSERT_OK(Stage(mode));
  ASSERT_OK(Publish(Target("1"), mode));
  EXPECT_OK(Publish(Target("2"), mode));
  EXPECT_OK(Publish(Target("3"), mode, /*read_only=*/true));
  ASSERT_OK(WriteContent(Target("2"), "content"));
  for (const char* const name : {"1", "2", "3"}) {
    EXPECT_THAT(ReadContent(Target(name)), IsOkAndHolds("content"));
  }
  EXPECT_OK(Unpublish(Target("1")));
  EXPECT_THAT(ReadContent(Target("2")), IsOkAndHolds("content"));
  EXPECT_THAT(ReadContent(Target("3")), IsOkAndHolds("content"));
}

TEST_P(PublishMatrixTest, ModeOfOneTargetBindsThoseThatComeLater) {
  // The first caller was promised to be the only one.
  ASSERT_OK(Stage(Mode::SINGLE_NODE_SINGLE_WRITER));
  ASSERT_OK(Publish(Target(), Mode::SINGLE_NODE_SINGLE_WRITER));
  EXPECT_THAT(Publish(Target("other"), Mode::SINGLE_NODE_MULTI_WRITER),
              StatusIs(kRefused, HasSubstr("SINGLE_NODE_SINGLE_WRITER")));
}

}  // namespace
}  // namespace nodevol::node
