// SPDX-License-Identifier: Apache-2.0
#include "test/scale/requests.h"

#include "rpc/topology.h"

namespace nodevol::testing {
namespace {

constexpr char kFilesystem[] = "ext4";

google::protobuf::Map<std::string, std::string> ParametersOf(const std::string& name) {
  google::protobuf::Map<std::string, std::string> parameters;
  parameters["csi.storage.k8s.io/pv/name"] = name;
  parameters["csi.storage.k8s.io/pvc/name"] = "data-database-0";
  parameters["csi.storage.k8s.io/pvc/namespace"] = "production";
  return parameters;
}

}  // namespace

csi::v1::CreateVolumeRequest AskedRequest(const std::string& name, const std::string& node) {
  csi::v1::CreateVolumeRequest request;
  request.set_name(name);
  request.mutable_capacity_range()->set_required_bytes(kVolumeBytes);
  csi::v1::VolumeCapability& capability = *request.add_volume_capabilities();
  capability.mutable_mount()->set_fs_type(kFilesystem);
  capability.mutable_access_mode()->set_mode(
      csi::v1::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);
  *request.mutable_parameters() = ParametersOf(name);
  if (node.empty()) return request;
  // With WaitForFirstConsumer and --strict-topology both are the node of the pod.
  const csi::v1::Topology segment = rpc::Topology(kDriverName).SegmentOf(node);
  *request.mutable_accessibility_requirements()->add_requisite() = segment;
  *request.mutable_accessibility_requirements()->add_preferred() = segment;
  return request;
}

v1::VolumeRequest StoredRequest(const std::string& name) {
  v1::VolumeRequest request;
  request.set_name(name);
  request.mutable_capacity_range()->set_required_bytes(kVolumeBytes);
  v1::VolumeCapability& capability = *request.add_capabilities();
  capability.mutable_mount()->set_fs_type(kFilesystem);
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  *request.mutable_parameters() = ParametersOf(name);
  return request;
}

}  // namespace nodevol::testing
