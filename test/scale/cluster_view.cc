// SPDX-License-Identifier: Apache-2.0
#include "test/scale/cluster_view.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "base/status_macros.h"
#include "rpc/topology.h"
#include "test/scale/requests.h"

namespace nodevol::testing {
namespace {

using Controller = CsiClient::Controller;

// A sanitizer makes everything slow, and a deadline is no finding.
constexpr absl::Duration kTimeout = absl::Minutes(10);

// "" when the volume does not say.
std::string NodeOf(const csi::v1::Volume& volume) {
  if (volume.accessible_topology_size() != 1) return "";
  return rpc::Topology(kDriverName).NodeOf(volume.accessible_topology(0));
}

}  // namespace

ClusterView::ClusterView(const std::string& socket_path) : csi_(socket_path, kTimeout) {}

absl::StatusOr<int64_t> ClusterView::Available(const std::string& node) {
  csi::v1::GetCapacityRequest request;
  if (!node.empty()) {
    *request.mutable_accessible_topology() = rpc::Topology(kDriverName).SegmentOf(node);
  }
  ASSIGN_OR_RETURN(const csi::v1::GetCapacityResponse capacity,
                   csi_.Call(&Controller::GetCapacity, request));
  return capacity.available_capacity();
}

absl::StatusOr<VolumeList> ClusterView::ListVolumes(int32_t page_entries,
                                                    absl::FunctionRef<void()> after_page) {
  VolumeList listed;
  csi::v1::ListVolumesRequest request;
  request.set_max_entries(page_entries);
  do {
    ASSIGN_OR_RETURN(const csi::v1::ListVolumesResponse page,
                     csi_.Call(&Controller::ListVolumes, request));
    for (const csi::v1::ListVolumesResponse::Entry& entry : page.entries()) {
      listed.emplace_back(entry.volume().volume_id(), NodeOf(entry.volume()));
    }
    request.set_starting_token(page.next_token());
    after_page();
  } while (!request.starting_token().empty());
  return listed;
}

absl::StatusOr<std::string> ClusterView::CreateVolume(const std::string& name,
                                                      const std::string& node) {
  ASSIGN_OR_RETURN(const csi::v1::CreateVolumeResponse made,
                   csi_.Call(&Controller::CreateVolume, AskedRequest(name, node)));
  const std::string at = NodeOf(made.volume());
  if (!node.empty() && at != node) {
    return absl::InternalError(
        absl::StrCat("volume ", name, " was made at \"", at, "\" instead of ", node));
  }
  return made.volume().volume_id();
}

absl::Status ClusterView::DeleteVolume(const std::string& id) {
  csi::v1::DeleteVolumeRequest request;
  request.set_volume_id(id);
  return csi_.Call(&Controller::DeleteVolume, request).status();
}

}  // namespace nodevol::testing
