// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_GROUP_TEST_UTIL_H_
#define NODEVOL_STORAGE_GROUP_TEST_UTIL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/storage_test_util.h"

// For tests: group snapshots on a TestNode.
namespace nodevol::storage {

v1::GroupSnapshotRequest GroupRequest(const std::string& name,
                                      const std::vector<VolumePtr>& volumes);
absl::StatusOr<GroupSnapshot> CreateGroup(TestNode& node, const v1::GroupSnapshotRequest& request,
                                          const OperationContext& context = {});
absl::StatusOr<GroupSnapshot> CreateGroup(TestNode& node, const std::string& name,
                                          const std::vector<VolumePtr>& volumes);
// With these members; by default those of the group.
absl::Status DeleteGroup(TestNode& node, const GroupSnapshot& group,
                         const std::vector<std::string>& snapshot_ids);
absl::Status DeleteGroup(TestNode& node, const GroupSnapshot& group);
absl::StatusOr<GroupSnapshot> GetGroup(TestNode& node, const GroupSnapshot& group);

std::vector<std::string> MemberIds(const GroupSnapshot& group);
// The member that is the snapshot of this volume.
SnapshotPtr MemberOf(const GroupSnapshot& group, const VolumePtr& volume);
// The ids of all snapshots that are listed.
std::vector<std::string> ListedSnapshots(TestNode& node);
// Expects that the pools hold neither groups nor snapshots, nor anything in staging, and that
// nothing but the volumes is promised.
void ExpectNoGroup(TestNode& node, const std::vector<VolumePtr>& volumes, size_t pools = 1);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_GROUP_TEST_UTIL_H_
