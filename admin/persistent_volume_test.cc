// SPDX-License-Identifier: Apache-2.0
#include "admin/persistent_volume.h"

#include "base/bytes.h"
#include "test/support/matchers.h"

namespace nodevol::admin {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

v1::GetVolumeResponse Response() {
  v1::GetVolumeResponse response;
  response.mutable_node()->set_node_id("worker-1");
  response.mutable_node()->set_driver_name("csi.nodevol.io");
  (*response.mutable_node()->mutable_topology())["topology.csi.nodevol.io/node"] = "worker-1";
  v1::Volume& volume = *response.mutable_volume();
  volume.set_id("d957c011f7cb0a332b5fd58062c03686.2b66ee1e653ef38d9e1e6a129b43626a");
  volume.set_name("pvc-1");
  volume.set_state("idle");
  volume.set_backend("image");
  volume.set_fs_type("xfs");
  volume.set_size_bytes(10 * kGiB);
  nodevol::v1::VolumeRecord& record = *response.mutable_record();
  (*record.mutable_volume_context())["pool"] = "ssd";
  (*record.mutable_volume_context())["backend"] = "image";
  nodevol::v1::VolumeCapability& capability = *record.mutable_request()->add_capabilities();
  capability.set_access_mode(nodevol::v1::SINGLE_NODE_MULTI_WRITER);
  capability.mutable_mount()->set_fs_type("xfs");
  capability.mutable_mount()->add_mount_flags("noatime");
  auto& parameters = *record.mutable_request()->mutable_parameters();
  parameters["csi.storage.k8s.io/pvc/name"] = "data-db-0";
  parameters["csi.storage.k8s.io/pvc/namespace"] = "shop";
  return response;
}

TEST(PersistentVolumeTest, SaysAllThatKubernetesNeeds) {
  EXPECT_THAT(PersistentVolumeYaml(Response(), "local"), IsOkAndHolds(R"(apiVersion: v1
kind: PersistentVolume
metadata:
  name: "pvc-1"
  annotations:
    "pv.kubernetes.io/provisioned-by": "csi.nodevol.io"
spec:
  capacity:
    storage: "10737418240"
  volumeMode: Filesystem
  accessModes:
    - ReadWriteOnce
  # Retain: deleting the claim keeps the data. Change it when all is well.
  persistentVolumeReclaimPolicy: Retain
  storageClassName: "local"
  claimRef:
    apiVersion: v1
    kind: PersistentVolumeClaim
    name: "data-db-0"
    namespace: "shop"
  mountOptions:
    - "noatime"
  csi:
    driver: "csi.nodevol.io"
    volumeHandle: "d957c011f7cb0a332b5fd58062c03686.2b66ee1e653ef38d9e1e6a129b43626a"
    fsType: "xfs"
    volumeAttributes:
      "backend": "image"
      "pool": "ssd"
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions:
            - key: "topology.csi.nodevol.io/node"
              operator: In
              values:
                - "worker-1"
)"));
}

TEST(PersistentVolumeTest, BlockVolumeOfOnePodWithoutClassOrClaim) {
  v1::GetVolumeResponse response = Response();
  response.mutable_volume()->set_block(true);
  response.mutable_volume()->clear_fs_type();
  nodevol::v1::VolumeRequest& request = *response.mutable_record()->mutable_request();
  request.clear_parameters();
  request.mutable_capabilities(0)->mutable_block();
  request.mutable_capabilities(0)->set_access_mode(nodevol::v1::SINGLE_NODE_SINGLE_WRITER);
  EXPECT_THAT(
      PersistentVolumeYaml(response, ""),
      IsOkAndHolds(AllOf(HasSubstr("volumeMode: Block\n"), HasSubstr("- ReadWriteOncePod\n"),
                         HasSubstr("storageClassName: \"\"\n"), HasSubstr("--storage-class"),
                         Not(HasSubstr("claimRef")), Not(HasSubstr("fsType")),
                         Not(HasSubstr("mountOptions")))));
}

TEST(PersistentVolumeTest, NameThatKubernetesWouldRefuseIsReplaced) {
  v1::GetVolumeResponse response = Response();
  for (const std::string name : {"", "Upper", "-dash", "with space", "a\nkind: Secret"}) {
    response.mutable_volume()->set_name(name);
    EXPECT_THAT(
        PersistentVolumeYaml(response, ""),
        IsOkAndHolds(AllOf(HasSubstr("name: \"nodevol-2b66ee1e653ef38d9e1e6a129b43626a\"\n"),
                           Not(HasSubstr("kind: Secret")))));
  }
}

TEST(PersistentVolumeTest, HostileValuesStayInTheirQuotes) {
  v1::GetVolumeResponse response = Response();
  (*response.mutable_record()->mutable_volume_context())["k\": x"] = "v\"\n- evil";
  EXPECT_THAT(PersistentVolumeYaml(response, "c\nlass"),
              IsOkAndHolds(AllOf(HasSubstr("\"k\\\": x\": \"v\\\"\\n- evil\"\n"),
                                 HasSubstr("storageClassName: \"c\\nlass\"\n"))));
}

TEST(PersistentVolumeTest, VolumesThatCanHaveNoneAreRefusedWithTheRemedy) {
  const auto refused = [](const std::string& what) {
    return StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(what));
  };
  v1::GetVolumeResponse response = Response();
  response.mutable_volume()->set_state("deleted");
  EXPECT_THAT(PersistentVolumeYaml(response, ""), refused("nodevol undelete d957c011"));
  response.mutable_volume()->set_state("damaged");
  response.mutable_volume()->set_reason("the checksum does not match");
  EXPECT_THAT(PersistentVolumeYaml(response, ""), refused("the checksum does not match"));
  response.mutable_volume()->set_state("mounted");
  response.mutable_volume()->set_inline_target_path("/pods/1");
  EXPECT_THAT(PersistentVolumeYaml(response, ""), refused("inline volume"));
}

}  // namespace
}  // namespace nodevol::admin
