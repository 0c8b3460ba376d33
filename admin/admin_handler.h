// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_ADMIN_HANDLER_H_
#define NODEVOL_ADMIN_ADMIN_HANDLER_H_

#include <string>

#include "absl/status/statusor.h"

#include "base/callback.h"
#include "base/executor.h"
#include "proto/admin.pb.h"
#include "rpc/topology.h"
#include "storage/local_storage.h"

namespace nodevol::admin {

// Decides nodevol.admin.v1.Admin. What needs the disk is asked on threads of its own or the pool's;
// a disk that hangs keeps no question waiting that is not about it.
class AdminHandler {
 public:
  // The storage must outlive the handler.
  AdminHandler(storage::LocalStorage& storage, std::string driver_name);

  void ListPools(const v1::ListPoolsRequest& request, Callback<v1::ListPoolsResponse> done);
  // NOT_FOUND for a pool that the node does not have.
  void ListVolumes(const v1::ListVolumesRequest& request, Callback<v1::ListVolumesResponse> done);
  // NOT_FOUND; UNAVAILABLE when its pool was never open.
  void GetVolume(const v1::GetVolumeRequest& request, Callback<v1::GetVolumeResponse> done);
  void ListSnapshots(const v1::ListSnapshotsRequest& request,
                     Callback<v1::ListSnapshotsResponse> done);
  // Codes as LocalStorage::UndeleteVolume.
  void UndeleteVolume(const v1::UndeleteVolumeRequest& request,
                      Callback<v1::UndeleteVolumeResponse> done);
  // INVALID_ARGUMENT for what is no id; otherwise as LocalStorage says.
  void DeleteVolume(const v1::DeleteVolumeRequest& request,
                    Callback<v1::DeleteVolumeResponse> done);
  void DeleteSnapshot(const v1::DeleteSnapshotRequest& request,
                      Callback<v1::DeleteSnapshotResponse> done);
  // A request that no volume could be made of is answered, with the reason, not refused.
  void Diagnose(const v1::DiagnoseRequest& request, Callback<v1::DiagnoseResponse> done);

  // Waits for what is being answered.
  bool Drain(absl::Duration timeout) { return executor_.Close(timeout); }

 private:
  [[nodiscard]] v1::Node DescribeNode() const;
  [[nodiscard]] absl::Status CheckPoolName(const std::string& name) const;
  [[nodiscard]] absl::StatusOr<v1::ListVolumesResponse> VolumesPage(
      const v1::ListVolumesRequest& request) const;
  [[nodiscard]] absl::StatusOr<v1::ListSnapshotsResponse> SnapshotsPage(
      const v1::ListSnapshotsRequest& request) const;
  [[nodiscard]] v1::Snapshot Describe(const nodevol::v1::SnapshotRecord& snapshot) const;
  // Answered without its record: deleted, or damaged. NOT_FOUND when it is neither.
  [[nodiscard]] absl::StatusOr<v1::GetVolumeResponse> FindOther(const std::string& id_or_name,
                                                                const absl::Status& why) const;
  [[nodiscard]] v1::DiagnoseResponse Diagnosis(const v1::DiagnoseRequest& request);
  void AddPoolFindings(v1::DiagnoseResponse& response) const;

  storage::LocalStorage& storage_;
  const std::string driver_name_;
  const rpc::Topology topology_;
  Executor executor_;
};

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_ADMIN_HANDLER_H_
