// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "node/inline_fixture.h"
#include "node/node_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::node {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

csi::v1::NodeGetVolumeHealthRequest HealthRequest(const std::string& id) {
  csi::v1::NodeGetVolumeHealthRequest request;
  request.set_volume_id(id);
  return request;
}

absl::StatusOr<std::vector<std::string>> HealthOf(
    NodeWorld& world, const csi::v1::NodeGetVolumeHealthRequest& request) {
  ASSIGN_OR_RETURN(const auto response, world.Call(&NodeHandler::GetVolumeHealth, request));
  EXPECT_EQ(response.volume_health().volume_id(), request.volume_id());
  std::vector<std::string> entries;
  for (const auto& entry : response.volume_health().health_statuses()) {
    entries.push_back(
        absl::StrCat(csi::v1::VolumeHealthErrorType_Name(entry.status()), " ", entry.reason()));
  }
  return entries;
}

class NodeHealthTest : public NodeFixture {
 protected:
  NodeHealthTest() : NodeFixture(Ext4OnXfs()) {}

  void SetUp() override {
    NodeFixture::SetUp();
    world_->ServeHealth();
    ASSERT_OK(world_->Restart());
  }

  absl::StatusOr<std::vector<std::string>> Health() {
    return HealthOf(*world_, HealthRequest(volume_));
  }
};

TEST_F(NodeHealthTest, WellVolumeHasNoStatusesStagedOrNot) {
  EXPECT_THAT(Health(), IsOkAndHolds(IsEmpty()));
  ASSERT_OK(Stage());
  ASSERT_OK(Publish(Target()));
  csi::v1::NodeGetVolumeHealthRequest request = HealthRequest(volume_);
  request.set_staging_target_path(staging_);
  request.set_volume_publish_path(Target());
  EXPECT_THAT(HealthOf(*world_, request), IsOkAndHolds(IsEmpty()));
}

TEST_F(NodeHealthTest, DiskThatFailedMakesVolumeAndStorageIll) {
  ASSERT_OK(world_->FailDisk());
  // Somebody else's call notices.
  EXPECT_FALSE(world_->CreateVolume("other", Mode::SINGLE_NODE_WRITER).ok());
  EXPECT_THAT(Health(), IsOkAndHolds(ElementsAre("INACCESSIBLE PoolFailed")));
  const auto storage = world_->handler().GetStorageHealth({});
  ASSERT_OK(storage);
  ASSERT_EQ(storage->backend_health_size(), 1);
  EXPECT_EQ(storage->backend_health(0).status(), csi::v1::STORAGE_UNREACHABLE);
  EXPECT_EQ(storage->backend_health(0).reason(), "PoolFailed");
  EXPECT_THAT(storage->backend_health(0).message(), HasSubstr("main"));
}

TEST_F(NodeHealthTest, StorageThatIsWellSaysNothing) {
  const auto storage = world_->handler().GetStorageHealth({});
  ASSERT_OK(storage);
  EXPECT_EQ(storage->backend_health_size(), 0);
}

TEST_F(NodeHealthTest, BadRequestsAreRefused) {
  EXPECT_THAT(HealthOf(*world_, HealthRequest("")), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(HealthOf(*world_, HealthRequest("nothing")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(HealthOf(*world_, HealthRequest(volume_.substr(0, 33) + std::string(32, '0'))),
              StatusIs(absl::StatusCode::kNotFound));
  csi::v1::NodeGetVolumeHealthRequest request = HealthRequest(volume_);
  request.set_volume_publish_path("relative");
  EXPECT_THAT(HealthOf(*world_, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("volume_publish_path")));
  request = HealthRequest(volume_);
  request.set_staging_target_path("relative");
  EXPECT_THAT(HealthOf(*world_, request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("staging_target_path")));
}

TEST_F(NodeHealthTest, NothingIsKnownOfAStaticVolume) {
  EXPECT_THAT(HealthOf(*world_, HealthRequest("static:data")), IsOkAndHolds(IsEmpty()));
}

TEST_F(NodeHealthTest, OffByDefaultAndThenUnimplemented) {
  NodeHandler off(world_->storage(), rpc::Topology("csi.nodevol.io"), {});
  const csi::v1::NodeGetCapabilitiesResponse announced = off.GetCapabilities();
  for (const auto& capability : announced.capabilities()) {
    EXPECT_NE(capability.rpc().type(), csi::v1::NodeServiceCapability::RPC::GET_VOLUME_HEALTH);
    EXPECT_NE(capability.rpc().type(), csi::v1::NodeServiceCapability::RPC::GET_STORAGE_HEALTH);
  }
  EXPECT_THAT(off.GetStorageHealth({}), StatusIs(absl::StatusCode::kUnimplemented));
  absl::Status answered;
  off.GetVolumeHealth(HealthRequest(volume_),
                      [&](const auto& response) { answered = response.status(); });
  EXPECT_THAT(answered, StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("--health")));
}

class InlineHealthTest : public InlineFixture {
 protected:
  InlineHealthTest() : InlineFixture(Ext4OnXfs()) {}

  void SetUp() override {
    InlineFixture::SetUp();
    world_->ServeHealth();
    ASSERT_OK(world_->Restart());
  }
};

TEST_F(InlineHealthTest, IsAskedForByTheIdOfTheCo) {
  ASSERT_OK(Publish(Target()));
  EXPECT_THAT(HealthOf(*world_, HealthRequest(Id())), IsOkAndHolds(IsEmpty()));
  // The id in the pool is no CO's.
  EXPECT_THAT(HealthOf(*world_, HealthRequest(Volumes()[0])),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(InlineHealthTest, IsNotInTheControllersLists) {
  ASSERT_OK(Publish(Target()));
  const std::string id = Volumes()[0];
  ASSERT_OK(world_->FailDisk());
  EXPECT_FALSE(world_->CreateVolume("other", Mode::SINGLE_NODE_WRITER).ok());
  EXPECT_THAT(HealthOf(*world_, HealthRequest(Id())),
              IsOkAndHolds(ElementsAre("INACCESSIBLE PoolFailed")));
  EXPECT_THAT(world_->storage().ListVolumeHealth({}).entries, IsEmpty());
  EXPECT_THAT(world_->storage().GetVolumeHealth(*storage::VolumeId::Parse(id)),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(Unpublish(Target()));
  ASSERT_OK(world_->Reboot());
  ASSERT_OK(Unpublish(Target()));
}

}  // namespace
}  // namespace nodevol::node
