// SPDX-License-Identifier: Apache-2.0
//
// Group 12, ControllerModifyVolume and mutable_parameters, with --mutable-parameters as what
// volumes are modified to. What a parameter does only its driver knows; of those that this suite
// knows, inodeLimit, the effect is looked at.
#include <fcntl.h>

#include <cerrno>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "base/unique_fd.h"
#include "test/conformance/fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::Ge;
using ::testing::Le;

constexpr char kInodeLimit[] = "inodeLimit";
constexpr char kUnknown[] = "conformance.example/no-such-parameter";

class ModifyConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::MODIFY_VOLUME);
  }
  static absl::Status Modify(const std::string& volume_id, const Parameters& parameters) {
    csi::v1::ControllerModifyVolumeRequest request;
    request.set_volume_id(volume_id);
    request.mutable_mutable_parameters()->insert(parameters.begin(), parameters.end());
    return driver().Call(&Controller::ControllerModifyVolume, request).status();
  }
  // What the command line says; a test that needs some is skipped without.
  static bool HaveParameters() { return !options().mutable_parameters.empty(); }
  [[nodiscard]] csi::v1::CreateVolumeRequest WithMutable(const Parameters& parameters,
                                                         const std::string& label) const {
    csi::v1::CreateVolumeRequest request = VolumeRequest(label);
    request.mutable_mutable_parameters()->insert(parameters.begin(), parameters.end());
    return request;
  }
};

class WithoutModifyConformance : public VolumeTest {};

// CreateVolumeRequest.mutable_parameters "SHALL NOT be specified unless the SP has the
// MODIFY_VOLUME plugin capability": an unsupported field.
TEST_F(WithoutModifyConformance, MutableParametersAreRefused) {
  if (driver().Announces(ControllerRpc::MODIFY_VOLUME))
    GTEST_SKIP() << "MODIFY_VOLUME is announced";
  csi::v1::CreateVolumeRequest request = VolumeRequest();
  (*request.mutable_mutable_parameters())["key"] = "value";
  EXPECT_THAT(Create(request), StatusIs(StatusCode::kInvalidArgument));
}

// "ControllerModifyVolume Errors"; both fields are REQUIRED.
TEST_F(ModifyConformance, UnknownVolumeAndMissingFieldsAreRefused) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  EXPECT_THAT(Modify(volume.volume_id(), {}), StatusIs(StatusCode::kInvalidArgument));
  if (!HaveParameters()) GTEST_SKIP() << "no --mutable-parameters";
  EXPECT_THAT(Modify("", options().mutable_parameters), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Modify("no-such-volume", options().mutable_parameters),
              StatusIs(StatusCode::kNotFound));
}

// "ControllerModifyVolume Errors", Parameters not supported.
TEST_F(ModifyConformance, UnknownParameterIsInvalid) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  EXPECT_THAT(Modify(volume.volume_id(), {{kUnknown, "value"}}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Create(WithMutable({{kUnknown, "value"}}, "unknown")),
              StatusIs(StatusCode::kInvalidArgument));
}

// "This operation MUST be idempotent", in use or not.
TEST_F(ModifyConformance, ModifiedAgainIsOk) {
  if (!HaveParameters()) GTEST_SKIP() << "no --mutable-parameters";
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  for (int i = 0; i < 3; ++i) {
    EXPECT_OK(Modify(volume.id(), options().mutable_parameters));
  }
  ASSERT_OK(volume.Stop());
  EXPECT_OK(Modify(volume.id(), options().mutable_parameters));
}

// The retry of a CreateVolume is of the volume that it made, whatever became of that.
TEST_F(ModifyConformance, RetryOfCreateFindsTheModifiedVolume) {
  if (!HaveParameters()) GTEST_SKIP() << "no --mutable-parameters";
  const csi::v1::CreateVolumeRequest request = WithMutable(options().mutable_parameters, "volume");
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, Create(request));
  EXPECT_THAT(Create(request),
              IsOkAndHolds(::testing::Property(&csi::v1::Volume::volume_id, volume.volume_id())));
  ASSERT_OK(Modify(volume.volume_id(), options().mutable_parameters));
  EXPECT_OK(Create(request));
}

// ValidateVolumeCapabilitiesResponse.Confirmed.mutable_parameters.
TEST_F(ModifyConformance, ValidationEchoesWhatItChecked) {
  if (!HaveParameters()) GTEST_SKIP() << "no --mutable-parameters";
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  ASSERT_OK(Modify(volume.volume_id(), options().mutable_parameters));
  csi::v1::ValidateVolumeCapabilitiesRequest request;
  request.set_volume_id(volume.volume_id());
  *request.add_volume_capabilities() = options().capability;
  request.mutable_mutable_parameters()->insert(options().mutable_parameters.begin(),
                                               options().mutable_parameters.end());
  ASSERT_OK_AND_ASSIGN(const auto validated,
                       driver().Call(&Controller::ValidateVolumeCapabilities, request));
  ASSERT_TRUE(validated.has_confirmed()) << validated.ShortDebugString();
  EXPECT_EQ(validated.confirmed().mutable_parameters().size(), options().mutable_parameters.size());
}

// What inodeLimit=N does: N inodes, the kernel's refusal after them, and N in the figures.
class InodeLimitConformance : public ModifyConformance {
 protected:
  void SetUp() override {
    ModifyConformance::SetUp();
    if (IsSkipped()) return;
    const auto limit = options().mutable_parameters.find(kInodeLimit);
    if (limit == options().mutable_parameters.end()) {
      GTEST_SKIP() << "inodeLimit is not among --mutable-parameters";
    }
    if (driver().IsBlock()) GTEST_SKIP() << "block volumes have no inodes";
    ASSERT_TRUE(absl::SimpleAtoi(limit->second, &limit_)) << limit->second;
  }

  // Makes files until the kernel refuses, or there are more than the limit.
  int64_t CountFiles(const NodeVolume& volume, const std::string& prefix) const {
    for (int64_t made = 0; made <= limit_; ++made) {
      const std::string path = volume.In().File(absl::StrCat(prefix, made));
      const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (file.valid()) continue;
      EXPECT_THAT(errno, ::testing::AnyOf(ENOSPC, EDQUOT));
      return made;
    }
    return limit_ + 1;
  }
  // The directory itself is one, and a filesystem may have some of its own.
  void ExpectLimited(const NodeVolume& volume, const std::string& prefix) const {
    const int64_t files = CountFiles(volume, prefix);
    EXPECT_THAT(files, Le(limit_));
    EXPECT_THAT(files, Ge(limit_ / 2));
  }

  int64_t limit_ = 0;
};

// "ControllerModifyVolume Errors", "invalid mutable parameter keys or values".
TEST_F(InodeLimitConformance, ValueThatIsNoLimitIsInvalid) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  for (const char* const value : {"-1", "many", "1e3", "0x10", "99999999999999999999"}) {
    EXPECT_THAT(Modify(volume.volume_id(), {{kInodeLimit, value}}),
                StatusIs(StatusCode::kInvalidArgument))
        << value;
  }
}

// "ControllerModifyVolume": the attributes are changed when it answers.
TEST_F(InodeLimitConformance, LimitOfAVolumeInUseHolds) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(Modify(volume.id(), {{kInodeLimit, absl::StrCat(limit_)}}));
  ExpectLimited(volume, "file-");
  if (!driver().Announces(NodeRpc::GET_VOLUME_STATS)) return;
  ASSERT_OK_AND_ASSIGN(const auto stats, volume.Stats(volume.Target()));
  for (const csi::v1::VolumeUsage& usage : stats.usage()) {
    if (usage.unit() == csi::v1::VolumeUsage::INODES) {
      EXPECT_EQ(usage.total(), limit_);
    }
  }
}

TEST_F(InodeLimitConformance, LimitAtCreationHolds) {
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume created,
                       Create(WithMutable({{kInodeLimit, absl::StrCat(limit_)}}, "volume")));
  NodeVolume volume = OnNode(created);
  ASSERT_OK(volume.Start());
  ExpectLimited(volume, "file-");
}

// "The SP MUST NOT have applied any modification".
TEST_F(InodeLimitConformance, OneBadKeyOfTwoAppliesNothing) {
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  EXPECT_THAT(Modify(volume.id(), {{kInodeLimit, absl::StrCat(limit_)}, {kUnknown, "value"}}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(CountFiles(volume, "file-"), limit_ + 1) << "it is limited nevertheless";
}

// "SPs MUST NOT modify volumes based on the absence of keys".
TEST_F(InodeLimitConformance, AbsentKeyIsLeftAlone) {
  Parameters others = options().mutable_parameters;
  others.erase(kInodeLimit);
  if (others.empty()) GTEST_SKIP() << "inodeLimit is the only one of --mutable-parameters";
  ASSERT_OK_AND_ASSIGN(NodeVolume volume, CreateAndStart());
  ASSERT_OK(Modify(volume.id(), {{kInodeLimit, absl::StrCat(limit_)}}));
  ASSERT_OK(Modify(volume.id(), others));
  ExpectLimited(volume, "file-");
}

// CreateVolumeRequest: mutable_parameters "take precedence over the values from parameters".
TEST_F(InodeLimitConformance, MutableParameterBeatsTheParameter) {
  csi::v1::CreateVolumeRequest request =
      WithMutable({{kInodeLimit, absl::StrCat(limit_)}}, "volume");
  (*request.mutable_parameters())[kInodeLimit] = absl::StrCat(10 * limit_);
  const absl::StatusOr<csi::v1::Volume> created = Create(request);
  if (absl::IsInvalidArgument(created.status())) GTEST_SKIP() << "it is no parameter of a class";
  ASSERT_OK(created);
  NodeVolume volume = OnNode(*created);
  ASSERT_OK(volume.Start());
  ExpectLimited(volume, "file-");
}

}  // namespace
}  // namespace nodevol::testing
