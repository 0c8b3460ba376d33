// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_CLUSTER_FIXTURE_H_
#define NODEVOL_TEST_CLUSTER_CLUSTER_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"

#include "base/bytes.h"
#include "test/cluster/cluster.h"
#include "test/cluster/holdings.h"
#include "test/cluster/load.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {

// Tests on one cluster, which is whole and empty before and after each.
class ClusterTest : public ::testing::Test {
 protected:
  static constexpr int64_t kBytes = 16 * kMiB;

  static void SetUpTestSuite();
  // Fails when it leaves anything.
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] static Cluster& cluster() { return *cluster_; }

  // Calls the replica until the answer is final.
  static absl::StatusOr<csi::v1::Volume> Create(size_t replica,
                                                const csi::v1::CreateVolumeRequest& request);
  static absl::Status Delete(size_t replica, const std::string& volume_id);

  // RequestAt with no other node allowed.
  static csi::v1::CreateVolumeRequest RequestOnlyAt(const std::string& name, int64_t bytes,
                                                    size_t node);
  // A request that says nothing of where.
  static csi::v1::CreateVolumeRequest RequestAnywhere(const std::string& name, int64_t bytes);

  // Waits until both replicas and the disks say that there is this and nothing else.
  static void ExpectHeld(const Holdings& expected);
  // Ends the load, has all answered that was not, and compares.
  static void ExpectAsAcknowledged(Load& load);

 private:
  static std::unique_ptr<Cluster> cluster_;
  static Leftovers before_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_CLUSTER_FIXTURE_H_
