// SPDX-License-Identifier: Apache-2.0
//
// Group 16, the health calls of version 1.13. A volume that is ill needs somebody who breaks it.
#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <tuple>

#include "absl/strings/ascii.h"

#include "test/conformance/fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::IsEmpty;

// "A brief CamelCase string".
bool IsReason(const std::string& reason) {
  return !reason.empty() && absl::ascii_isupper(static_cast<unsigned char>(reason.front())) &&
         std::all_of(reason.begin(), reason.end(),
                     [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); });
}

// VolumeHealth: the volume's, well-formed, no (status, reason) twice.
void ExpectWellFormed(const csi::v1::VolumeHealth& health) {
  SCOPED_TRACE(health.ShortDebugString());
  EXPECT_FALSE(health.volume_id().empty());
  std::set<std::tuple<int, std::string>> seen;
  for (const auto& entry : health.health_statuses()) {
    EXPECT_NE(entry.status(), csi::v1::UNKNOWN_VOLUME_HEALTH_TYPE);
    EXPECT_TRUE(IsReason(entry.reason())) << entry.reason();
    EXPECT_TRUE(seen.emplace(entry.status(), entry.reason()).second);
  }
}

class ControllerHealthConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::GET_VOLUME_HEALTH);
  }
  static absl::StatusOr<csi::v1::ControllerGetVolumeHealthResponse> Get(const std::string& id) {
    csi::v1::ControllerGetVolumeHealthRequest request;
    request.set_volume_id(id);
    return driver().Call(&Controller::ControllerGetVolumeHealth, request);
  }
};

// "An empty list means no adverse health condition is known by the Plugin."
TEST_F(ControllerHealthConformance, SoundVolumeHasNoHealthStatus) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_OK_AND_ASSIGN(const auto got, Get(volume.volume_id()));
  ASSERT_TRUE(got.has_volume_health()) << "REQUIRED";
  EXPECT_EQ(got.volume_health().volume_id(), volume.volume_id());
  EXPECT_THAT(got.volume_health().health_statuses(), IsEmpty());
}

// "ControllerGetVolumeHealth Errors"; volume_id is REQUIRED.
TEST_F(ControllerHealthConformance, UnknownVolumeIsNotFoundAndNoneIsInvalid) {
  EXPECT_THAT(Get("no-such-volume"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Get(""), StatusIs(StatusCode::kInvalidArgument));
}

class ListHealthConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::LIST_VOLUME_HEALTH);
  }
  static absl::StatusOr<csi::v1::ControllerListVolumeHealthResponse> List(
      int32_t max_entries, const std::string& token = "") {
    csi::v1::ControllerListVolumeHealthRequest request;
    request.set_max_entries(max_entries);
    request.set_starting_token(token);
    return driver().Call(&Controller::ControllerListVolumeHealth, request);
  }
};

// ControllerListVolumeHealthResponse: "List of abnormal volume health entries."
TEST_F(ListHealthConformance, OnlyAbnormalVolumesAreListed) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_OK_AND_ASSIGN(const auto listed, List(0));
  for (const csi::v1::VolumeHealth& health : listed.entries()) {
    ExpectWellFormed(health);
    EXPECT_NE(health.volume_id(), volume.volume_id()) << "it is sound";
    EXPECT_GT(health.health_statuses_size(), 0);
  }
}

// "ControllerListVolumeHealth Errors"; max_entries "MUST NOT be negative".
TEST_F(ListHealthConformance, InvalidTokensAndNumbersAreRefused) {
  for (const char* const token : {"-1", "4294967295", "18446744073709551616", "not-a-token"}) {
    EXPECT_THAT(List(0, token), StatusIs(StatusCode::kAborted)) << token;
  }
  EXPECT_THAT(List(-1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(List(std::numeric_limits<int32_t>::min()), StatusIs(StatusCode::kInvalidArgument));
}

class NodeHealthConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(NodeRpc::GET_VOLUME_HEALTH);
  }
  static absl::StatusOr<csi::v1::NodeGetVolumeHealthResponse> Get(const std::string& id,
                                                                  const std::string& published = "",
                                                                  const std::string& staged = "") {
    csi::v1::NodeGetVolumeHealthRequest request;
    request.set_volume_id(id);
    request.set_volume_publish_path(published);
    request.set_staging_target_path(staged);
    return driver().Call(&Node::NodeGetVolumeHealth, request);
  }
};

TEST_F(NodeHealthConformance, SoundVolumeHasNoHealthStatusInUse) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK_AND_ASSIGN(const auto got, Get(volume.id(), volume.Target(), volume.staging()));
  ASSERT_TRUE(got.has_volume_health()) << "REQUIRED";
  EXPECT_EQ(got.volume_health().volume_id(), volume.id());
  EXPECT_THAT(got.volume_health().health_statuses(), IsEmpty());
}

// "MAY be called for a volume that is not currently staged or published"; the paths are OPTIONAL.
TEST_F(NodeHealthConformance, VolumeThatIsNotInUseIsAnswered) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(volume.Stop());
  ASSERT_OK_AND_ASSIGN(const auto got, Get(volume.id()));
  ExpectWellFormed(got.volume_health());
}

// "NodeGetVolumeHealth Errors"; volume_id is REQUIRED.
TEST_F(NodeHealthConformance, UnknownVolumeIsNotFoundAndNoneIsInvalid) {
  EXPECT_THAT(Get("no-such-volume"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Get(""), StatusIs(StatusCode::kInvalidArgument));
}

class StorageHealthConformance : public ConformanceTest {};

// StorageBackendHealth: no (status, reason, volume_capability) twice.
TEST_F(StorageHealthConformance, BackendsAreWellFormed) {
  REQUIRE_ANNOUNCED(NodeRpc::GET_STORAGE_HEALTH);
  ASSERT_OK_AND_ASSIGN(const auto got, driver().Call(&Node::NodeGetStorageHealth,
                                                     csi::v1::NodeGetStorageHealthRequest()));
  std::set<std::tuple<int, std::string, std::string>> seen;
  for (const auto& backend : got.backend_health()) {
    SCOPED_TRACE(backend.ShortDebugString());
    EXPECT_NE(backend.status(), csi::v1::UNKNOWN_STORAGE_HEALTH_ERROR_TYPE);
    EXPECT_TRUE(IsReason(backend.reason())) << backend.reason();
    EXPECT_TRUE(seen.emplace(backend.status(), backend.reason(),
                             backend.volume_capability().SerializeAsString())
                    .second);
  }
}

}  // namespace
}  // namespace nodevol::testing
