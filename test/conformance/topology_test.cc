// SPDX-License-Identifier: Apache-2.0
//
// Group 5, Topology and GetCapacity.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/message_differencer.h"

#include "test/conformance/fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using google::protobuf::util::MessageDifferencer;
using ::testing::Ge;
using ::testing::Le;

bool IsAlphanumeric(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

// Topology: what may be a key's name, or a segment.
bool IsTopologyWord(absl::string_view word) {
  return !word.empty() && word.size() <= 63 && IsAlphanumeric(word.front()) &&
         IsAlphanumeric(word.back()) && std::all_of(word.begin(), word.end(), [](char c) {
           return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

bool IsTopologyPrefix(absl::string_view prefix) {
  return IsTopologyWord(prefix) && std::none_of(prefix.begin(), prefix.end(), [](char c) {
           return c == '_' || absl::ascii_isupper(static_cast<unsigned char>(c));
         });
}

csi::v1::Topology Elsewhere(csi::v1::Topology topology) {
  for (auto& [key, value] : *topology.mutable_segments()) value = "elsewhere";
  return topology;
}

class TopologyConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(PluginService::VOLUME_ACCESSIBILITY_CONSTRAINTS);
    here_ = driver().node().accessible_topology();
    elsewhere_ = Elsewhere(here_);
  }
  static bool Same(const csi::v1::Topology& a, const csi::v1::Topology& b) {
    return MessageDifferencer::Equals(a, b);
  }

  csi::v1::Topology here_;
  csi::v1::Topology elsewhere_;
};

// Topology: the grammar of keys and segments.
TEST_F(TopologyConformance, NodeSaysWellFormedSegments) {
  ASSERT_FALSE(here_.segments().empty());
  std::map<std::string, std::string> folded;
  std::string common_prefix;
  for (const auto& [key, value] : here_.segments()) {
    EXPECT_TRUE(folded.emplace(absl::AsciiStrToLower(key), key).second)
        << key << " differs from another only in case";
    const std::pair<std::string, std::string> parts = absl::StrSplit(key, absl::MaxSplits('/', 1));
    const bool prefixed = key.find('/') != std::string::npos;
    EXPECT_TRUE(IsTopologyWord(prefixed ? parts.second : parts.first)) << key;
    if (prefixed) {
      EXPECT_TRUE(IsTopologyPrefix(parts.first)) << key;
      if (common_prefix.empty()) common_prefix = parts.first;
      EXPECT_EQ(parts.first, common_prefix) << "prefixes must be identical";
    }
    EXPECT_TRUE(IsTopologyWord(value)) << value;
  }
}

// Volume.accessible_topology.
TEST_F(TopologyConformance, VolumeSaysFromWhereItIsAccessible) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_GT(volume.accessible_topology_size(), 0);
  for (const csi::v1::Topology& topology : volume.accessible_topology()) {
    for (const auto& [key, value] : topology.segments()) {
      EXPECT_TRUE(here_.segments().contains(key)) << key << " is a key of no node";
      EXPECT_TRUE(IsTopologyWord(value)) << value;
    }
  }
}

// TopologyRequirement.requisite: "MUST be accessible from at least one".
TEST_F(TopologyConformance, VolumeIsMadeInOneOfTheRequisiteTopologies) {
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  *request.mutable_accessibility_requirements()->add_requisite() = elsewhere_;
  *request.mutable_accessibility_requirements()->add_requisite() = here_;
  *request.mutable_accessibility_requirements()->add_preferred() = here_;
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, Create(request));
  ASSERT_EQ(volume.accessible_topology_size(), 1);
  EXPECT_TRUE(Same(volume.accessible_topology(0), here_)) << volume.ShortDebugString();
}

// "CreateVolume Errors", Unable to provision in accessible_topology.
TEST_F(TopologyConformance, RequisiteThatCannotBeServedIsResourceExhausted) {
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  *request.mutable_accessibility_requirements()->add_requisite() = elsewhere_;
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kResourceExhausted));
}

// TopologyRequirement.preferred: where it can't be, "the SP MAY choose" another.
TEST_F(TopologyConformance, PreferredTopologyIsAWish) {
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  *request.mutable_accessibility_requirements()->add_preferred() = elsewhere_;
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume only_preferred, Create(request));
  EXPECT_GT(only_preferred.accessible_topology_size(), 0);
  request = VolumeRequest("second");
  *request.mutable_accessibility_requirements()->add_requisite() = elsewhere_;
  *request.mutable_accessibility_requirements()->add_requisite() = here_;
  *request.mutable_accessibility_requirements()->add_preferred() = elsewhere_;
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, Create(request));
  ASSERT_EQ(volume.accessible_topology_size(), 1);
  EXPECT_TRUE(Same(volume.accessible_topology(0), here_)) << volume.ShortDebugString();
}

class GetCapacityConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::GET_CAPACITY);
  }
  // As for the volumes of the command line.
  [[nodiscard]] static csi::v1::GetCapacityRequest Request() {
    csi::v1::GetCapacityRequest request;
    *request.add_volume_capabilities() = options().capability;
    request.mutable_parameters()->insert(options().parameters.begin(), options().parameters.end());
    return request;
  }
  static csi::v1::GetCapacityResponse Ask(const csi::v1::GetCapacityRequest& request) {
    const auto response = driver().Call(&Controller::GetCapacity, request);
    EXPECT_OK(response);
    return response.value_or(csi::v1::GetCapacityResponse());
  }
  absl::StatusOr<csi::v1::Volume> CreateWithRange(int64_t required, int64_t limit) {
    csi::v1::CreateVolumeRequest request = VolumeRequest();
    request.mutable_capacity_range()->set_required_bytes(required);
    request.mutable_capacity_range()->set_limit_bytes(limit);
    return Create(request);
  }
};

// GetCapacityResponse: nothing is negative.
TEST_F(GetCapacityConformance, NothingIsNegative) {
  for (const csi::v1::GetCapacityRequest& request : {csi::v1::GetCapacityRequest(), Request()}) {
    const csi::v1::GetCapacityResponse capacity = Ask(request);
    EXPECT_THAT(capacity.available_capacity(), Ge(0));
    EXPECT_THAT(capacity.maximum_volume_size().value(), Ge(0));
    EXPECT_THAT(capacity.minimum_volume_size().value(), Ge(0));
    if (capacity.has_maximum_volume_size() && capacity.has_minimum_volume_size()) {
      EXPECT_THAT(capacity.minimum_volume_size().value(),
                  Le(capacity.maximum_volume_size().value()));
    }
  }
}

// GetCapacityRequest.accessible_topology.
TEST_F(GetCapacityConformance, OfAnotherTopologyThereIsNone) {
  REQUIRE_ANNOUNCED(PluginService::VOLUME_ACCESSIBILITY_CONSTRAINTS);
  csi::v1::GetCapacityRequest request = Request();
  *request.mutable_accessible_topology() = driver().node().accessible_topology();
  EXPECT_GT(Ask(request).available_capacity(), 0);
  *request.mutable_accessible_topology() = Elsewhere(driver().node().accessible_topology());
  EXPECT_EQ(Ask(request).available_capacity(), 0);
}

// GetCapacityRequest.volume_capabilities: what satisfies ALL of them.
TEST_F(GetCapacityConformance, ForVolumesThatCannotBeMadeThereIsNone) {
  csi::v1::CreateVolumeRequest impossible = VolumeRequest();
  *impossible.mutable_volume_capabilities(0) =
      InMode(options().capability, AccessMode::MULTI_NODE_MULTI_WRITER);
  if (Create(impossible).ok()) GTEST_SKIP() << "the driver makes volumes for several nodes";
  csi::v1::GetCapacityRequest request = Request();
  *request.add_volume_capabilities() = impossible.volume_capabilities(0);
  const auto response = driver().Call(&Controller::GetCapacity, request);
  if (response.ok()) {
    EXPECT_EQ(response->available_capacity(), 0);
  } else {
    EXPECT_THAT(response, StatusIs(StatusCode::kInvalidArgument));
  }
}

// GetCapacityResponse.maximum_volume_size: the largest required_bytes "that may be used".
TEST_F(GetCapacityConformance, LargestVolumeThatIsNamedCanBeMade) {
  const csi::v1::GetCapacityResponse capacity = Ask(Request());
  if (!capacity.has_maximum_volume_size()) GTEST_SKIP() << "no maximum is named";
  const int64_t maximum = capacity.maximum_volume_size().value();
  EXPECT_THAT(CreateWithRange(2 * maximum, 0),
              StatusIsEither(StatusCode::kOutOfRange, StatusCode::kResourceExhausted));
  EXPECT_OK(CreateWithRange(maximum, 0));
}

// GetCapacityResponse.minimum_volume_size: the smallest limit_bytes "that may be used".
TEST_F(GetCapacityConformance, SmallestVolumeThatIsNamedCanBeMade) {
  const csi::v1::GetCapacityResponse capacity = Ask(Request());
  if (!capacity.has_minimum_volume_size()) GTEST_SKIP() << "no minimum is named";
  const int64_t minimum = capacity.minimum_volume_size().value();
  if (minimum > 1) {
    EXPECT_THAT(CreateWithRange(0, minimum - 1), StatusIs(StatusCode::kOutOfRange));
  }
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateWithRange(0, minimum));
  EXPECT_THAT(volume.capacity_bytes(), Le(minimum));
}

}  // namespace
}  // namespace nodevol::testing
