// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>
#include <vector>

#include "controller/controller_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using storage::HealthStatus;
using Rpc = csi::v1::ControllerServiceCapability::RPC;

class HealthCallsTest : public ControllerFixture {
 protected:
  ControllerHandler with_health_ =
      ControllerHandler(cluster_, rpc::Topology("csi.nodevol.io"), /*health=*/true);

  absl::StatusOr<csi::v1::VolumeHealth> Get(const std::string& id) {
    csi::v1::ControllerGetVolumeHealthRequest request;
    request.set_volume_id(id);
    const auto response = with_health_.GetVolumeHealth(request);
    if (!response.ok()) return response.status();
    return response->volume_health();
  }
};

TEST_F(HealthCallsTest, OffByDefaultAndThenUnimplemented) {
  std::set<int> announced;
  const auto capabilities = handler_.GetCapabilities();
  for (const auto& capability : capabilities.capabilities()) {
    announced.insert(capability.rpc().type());
  }
  EXPECT_FALSE(announced.contains(Rpc::GET_VOLUME_HEALTH));
  EXPECT_FALSE(announced.contains(Rpc::LIST_VOLUME_HEALTH));
  EXPECT_THAT(handler_.GetVolumeHealth({}), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(handler_.ListVolumeHealth({}), StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(HealthCallsTest, WellVolumeHasNoStatuses) {
  const std::string id = MakeVolume("pvc-1");
  ASSERT_OK_AND_ASSIGN(const csi::v1::VolumeHealth health, Get(id));
  EXPECT_EQ(health.volume_id(), id);
  EXPECT_TRUE(health.health_statuses().empty());
}

TEST_F(HealthCallsTest, EachStatusAndReasonIsSaidOnce) {
  const std::string id = MakeVolume("pvc-1");
  storage_.conditions[id] = {{HealthStatus::kInaccessible, storage::kPoolFailed, "disk 1"},
                             {HealthStatus::kInaccessible, storage::kPoolFailed, "again"},
                             {HealthStatus::kDataLoss, storage::kContentMissing, "gone"},
                             {HealthStatus::kDegraded, storage::kQuotaMissing, "no limit"}};
  ASSERT_OK_AND_ASSIGN(const csi::v1::VolumeHealth health, Get(id));
  ASSERT_EQ(health.health_statuses_size(), 3);
  EXPECT_EQ(health.health_statuses(0).status(), csi::v1::INACCESSIBLE);
  EXPECT_EQ(health.health_statuses(0).reason(), "PoolFailed");
  EXPECT_EQ(health.health_statuses(0).message(), "disk 1");
  EXPECT_EQ(health.health_statuses(1).status(), csi::v1::DATA_LOSS);
  EXPECT_EQ(health.health_statuses(2).status(), csi::v1::DEGRADED);
}

TEST_F(HealthCallsTest, UnknownVolumeIsNotFoundAndNoneInvalid) {
  EXPECT_THAT(Get(UnknownId()), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Get("x"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Get(""), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(HealthCallsTest, ListIsPagedAndHasEachOnce) {
  for (const char* const name : {"a", "b", "c"}) {
    const std::string id = storage::VolumeId::ForName(FakeNodeStorage::kPool, name).text();
    storage_.conditions[id] = {{HealthStatus::kDegraded, storage::kPoolFull, "full"}};
  }
  std::vector<std::string> ids;
  for (const auto& [id, conditions] : storage_.conditions) ids.push_back(id);
  csi::v1::ControllerListVolumeHealthRequest request;
  request.set_max_entries(2);
  ASSERT_OK_AND_ASSIGN(auto page, with_health_.ListVolumeHealth(request));
  ASSERT_EQ(page.entries_size(), 2);
  EXPECT_EQ(page.entries(1).volume_id(), ids[1]);
  request.set_starting_token(page.next_token());
  ASSERT_OK_AND_ASSIGN(page, with_health_.ListVolumeHealth(request));
  ASSERT_EQ(page.entries_size(), 1);
  EXPECT_EQ(page.entries(0).volume_id(), ids[2]);
  EXPECT_EQ(page.next_token(), "");
  request.set_starting_token("x");
  EXPECT_THAT(with_health_.ListVolumeHealth(request), StatusIs(absl::StatusCode::kAborted));
  request.set_max_entries(-1);
  EXPECT_THAT(with_health_.ListVolumeHealth(request), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace nodevol::controller
