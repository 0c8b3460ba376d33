// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_FIXTURE_H_
#define NODEVOL_TEST_CONFORMANCE_FIXTURE_H_

#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/conformance/driver.h"
#include "test/conformance/node_volume.h"
#include "test/conformance/traces.h"
#include "test/conformance/unannounced.h"
#include "test/support/matchers.h"

namespace nodevol::testing {

// Where the spec leaves a choice.
MATCHER_P2(StatusIsEither, a, b, "") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == a || StatusOf(arg).code() == b;
}

// Set by main before the first test.
extern Driver* examined_driver;

// A test of a driver that others use too: it makes names of its own, and when it has ended, however
// that went, nothing of it is left at the driver or on the node.
class ConformanceTest : public ::testing::Test {
 protected:
  ConformanceTest();
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] static Driver& driver() { return *examined_driver; }
  [[nodiscard]] static const ConformanceOptions& options() { return driver().options(); }
  [[nodiscard]] static int64_t Bytes() { return options().volume_bytes; }
  [[nodiscard]] Traces& traces() { return traces_; }
  // For paths of this test.
  [[nodiscard]] const std::string& directory() const { return directory_; }
  // A name for an object that no other test gives.
  [[nodiscard]] std::string UniqueName(const std::string& label) const;

  // What only a driver with the capability serves answers UNIMPLEMENTED.
  template <typename Capability>
  static void ExpectUnimplemented(Capability capability) {
    for (const auto& request : RequestsOf(capability, options())) {
      EXPECT_THAT(driver().Send(*request).status(), StatusIs(absl::StatusCode::kUnimplemented))
          << request->GetDescriptor()->name() << ", without " << NameOf(capability);
    }
  }

  // ---- The CO's calls, with its defaults. What they make is deleted when the test has ended. ----

  [[nodiscard]] csi::v1::CreateVolumeRequest VolumeRequest(
      const std::string& label = "volume") const;
  absl::StatusOr<csi::v1::Volume> Create(const csi::v1::CreateVolumeRequest& request);
  absl::StatusOr<csi::v1::Volume> CreateVolume(const std::string& label = "volume");
  absl::Status DeleteVolume(const std::string& volume_id);
  [[nodiscard]] csi::v1::CreateSnapshotRequest SnapshotRequest(
      const std::string& volume_id, const std::string& label = "snapshot") const;
  // Answers when the snapshot is ready to use.
  absl::StatusOr<csi::v1::Snapshot> Create(const csi::v1::CreateSnapshotRequest& request);
  absl::StatusOr<csi::v1::Snapshot> CreateSnapshot(const std::string& volume_id,
                                                   const std::string& label = "snapshot");
  absl::Status DeleteSnapshot(const std::string& snapshot_id);

  // A volume's paths on the node. Nothing is called.
  [[nodiscard]] NodeVolume OnNode(const csi::v1::Volume& volume,
                                  const std::string& label = "volume");
  [[nodiscard]] NodeVolume OnNode(const csi::v1::Volume& volume, const std::string& label,
                                  const csi::v1::VolumeCapability& capability);
  // A new volume that a workload uses.
  absl::StatusOr<NodeVolume> CreateAndStart(const std::string& label = "volume");

 private:
  // The ids that are listed; none where the driver has no lists.
  static std::set<std::string> Listed();

  const std::string directory_;
  Traces traces_;
  std::set<std::string> before_;
};

// Skips unless the driver announces the capability; then it must not serve its calls either.
#define REQUIRE_ANNOUNCED(capability)                                      \
  if (!driver().Announces(capability)) {                                   \
    ExpectUnimplemented(capability);                                       \
    GTEST_SKIP() << "the driver does not announce " << NameOf(capability); \
  }                                                                        \
  static_assert(true, "")

// A test about volumes that the driver makes.
class VolumeTest : public ConformanceTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(ConformanceTest::SetUp());
    REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_VOLUME);
  }
};

// The capability of the command line, in another access mode.
inline csi::v1::VolumeCapability InMode(csi::v1::VolumeCapability capability,
                                        AccessMode::Mode mode) {
  capability.mutable_access_mode()->set_mode(mode);
  return capability;
}

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_FIXTURE_H_
