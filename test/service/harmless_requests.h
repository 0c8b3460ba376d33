// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_HARMLESS_REQUESTS_H_
#define NODEVOL_TEST_SERVICE_HARMLESS_REQUESTS_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

#include "test/service/pod.h"
#include "test/service/service_node.h"

namespace nodevol::testing {

// What harmless requests are about: a volume that is staged and published, a snapshot of it, and a
// group of it.
struct HarmlessSubject {
  csi::v1::VolumeCapability capability;
  Parameters parameters;
  int64_t bytes = 0;
  std::string node_id;
  std::string volume_id;
  std::string snapshot_id;
  csi::v1::VolumeGroupSnapshot group;
  std::string staging;
  std::string target;
  std::string nowhere;  // a path where nothing is
};

// One request for each method that this driver serves, all of them answered OK. They change nothing
// but for CreateVolume, CreateSnapshot and CreateVolumeGroupSnapshot, which make an object of their
// own.
//
// They are about a volume that is published, by the controller and to a pod, its snapshot, a group
// of it, and two snapshots of a block volume that is no more.
class HarmlessRequests {
 public:
  // Makes the volumes, the snapshots and the group. Requests about health are served with --health
  // only.
  absl::Status SetUp(ServiceNode& node);
  // For what somebody has made, at any driver.
  void SetUp(const HarmlessSubject& subject);

  // A request without a field for what is not served.
  [[nodiscard]] std::unique_ptr<google::protobuf::Message> For(
      const google::protobuf::Descriptor& request) const;
  [[nodiscard]] bool IsServed(const google::protobuf::Descriptor& request) const;

 private:
  template <typename Request>
  Request& Add();
  void AddController(const Parameters& parameters, int64_t bytes, const std::string& node_id);
  void AddQueries(const std::string& snapshot_id);
  void AddGroupController(const csi::v1::VolumeGroupSnapshot& group);
  void AddNode(const std::string& nowhere);
  // What csi.proto has in alpha or what hardly any driver serves.
  void AddAlpha();
  absl::Status AddSnapshotMetadata(ServiceNode& node);

  csi::v1::VolumeCapability capability_;
  std::string volume_id_;
  std::string staging_;
  std::string target_;
  std::map<const google::protobuf::Descriptor*, std::unique_ptr<google::protobuf::Message>>
      requests_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_HARMLESS_REQUESTS_H_
