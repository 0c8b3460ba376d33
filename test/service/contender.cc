// SPDX-License-Identifier: Apache-2.0
#include "test/service/contender.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/status_macros.h"

namespace nodevol::testing {
namespace {

using enum absl::StatusCode;
using Controller = CsiClient::Controller;

constexpr int kRetries = 10;

absl::Status ControllerPublish(VolumeClient& client, const SharedName& shared) {
  csi::v1::ControllerPublishVolumeRequest request;
  request.set_volume_id(shared.pod.volume_id());
  request.set_node_id("node-1");
  *request.mutable_volume_capability() = client.volume_class().capability;
  return client.csi().Call(&Controller::ControllerPublishVolume, request).status();
}

absl::Status ControllerUnpublish(VolumeClient& client, const SharedName& shared) {
  csi::v1::ControllerUnpublishVolumeRequest request;
  request.set_volume_id(shared.pod.volume_id());
  return client.csi().Call(&Controller::ControllerUnpublishVolume, request).status();
}

// Reads which blocks the name's snapshot has: all, or until there is one.
absl::Status ReadBlocks(VolumeClient& client, const SharedName& shared, bool all) {
  using Message = csi::v1::GetMetadataAllocatedResponse;
  csi::v1::GetMetadataAllocatedRequest request;
  request.set_snapshot_id(shared.snapshot_id);
  request.set_max_results(1);
  return client.csi().Stream<CsiClient::SnapshotMetadata, decltype(request), Message>(
      &CsiClient::SnapshotMetadata::GetMetadataAllocated, request,
      [all](const Message&) { return all; });
}

}  // namespace

// ABORTED, another operation on the same object being under way, is allowed of all that take its
// lock.
struct Contender::Operation {
  const char* name;
  absl::Status (*run)(VolumeClient&, const SharedName&);
  std::vector<absl::StatusCode> allowed;
};

const std::vector<Contender::Operation>& Contender::Operations() {
  static const std::vector<Operation> operations = {
      {"CreateVolume",
       [](VolumeClient& client, const SharedName& shared) {
         return client.Create(shared.name, shared.bytes).status();
       },
       {kOk, kAborted, kAlreadyExists}},
      {"CreateVolume of another size",
       [](VolumeClient& client, const SharedName& shared) {
         return client.Create(shared.name, 4 * shared.bytes).status();
       },
       {kOk, kAborted, kAlreadyExists}},
      {"DeleteVolume",
       [](VolumeClient& client, const SharedName& shared) {
         return client.Delete(shared.pod.volume_id());
       },
       {kOk, kAborted, kFailedPrecondition}},
      {"ControllerPublishVolume", ControllerPublish, {kOk, kAborted, kNotFound}},
      {"ControllerUnpublishVolume", ControllerUnpublish, {kOk, kAborted}},
      {"ControllerExpandVolume",
       [](VolumeClient& client, const SharedName& shared) {
         return client.ControllerExpand(shared.pod.volume_id(), 2 * shared.bytes).status();
       },
       {kOk, kAborted, kNotFound}},
      {"CreateSnapshot",
       [](VolumeClient& client, const SharedName& shared) {
         return client.Snapshot(shared.name, shared.pod.volume_id()).status();
       },
       {kOk, kAborted, kNotFound}},
      {"DeleteSnapshot",
       [](VolumeClient& client, const SharedName& shared) {
         return client.DeleteSnapshot(shared.snapshot_id);
       },
       {kOk, kAborted}},
      // Directories have no blocks.
      {"GetMetadataAllocated",
       [](VolumeClient& client, const SharedName& shared) {
         return ReadBlocks(client, shared, /*all=*/true);
       },
       {kOk, kAborted, kNotFound, kFailedPrecondition}},
      {"GetMetadataAllocated that is cancelled",
       [](VolumeClient& client, const SharedName& shared) {
         return ReadBlocks(client, shared, /*all=*/false);
       },
       {kOk, kCancelled, kAborted, kNotFound, kFailedPrecondition}},
      {"CreateVolume from a snapshot",
       [](VolumeClient& client, const SharedName& shared) {
         return client.Restore(shared.RestoredName(), shared.snapshot_id).status();
       },
       {kOk, kAborted, kNotFound}},
      {"DeleteVolume of the restored one",
       [](VolumeClient& client, const SharedName& shared) {
         return client.Delete(shared.restored_id);
       },
       {kOk, kAborted}},
      {"NodeStageVolume and NodePublishVolume",
       [](VolumeClient& client, const SharedName& shared) { return shared.pod.Start(client); },
       {kOk, kAborted, kNotFound, kFailedPrecondition}},
      {"NodeUnpublishVolume",
       [](VolumeClient& client, const SharedName& shared) {
         return client.Unpublish(shared.pod.volume_id(), shared.pod.target());
       },
       {kOk, kAborted}},
      {"NodeUnstageVolume",
       [](VolumeClient& client, const SharedName& shared) {
         return client.Unstage(shared.pod.volume_id(), shared.pod.staging());
       },
       {kOk, kAborted, kFailedPrecondition}},
      {"NodeGetVolumeStats",
       [](VolumeClient& client, const SharedName& shared) {
         return client.Stats(shared.pod.volume_id(), shared.pod.target()).status();
       },
       {kOk, kAborted, kNotFound}},
      {"ListVolumes",
       [](VolumeClient& client, const SharedName&) {
         csi::v1::ListVolumesRequest request;
         request.set_max_entries(3);
         return client.csi().Call(&Controller::ListVolumes, request).status();
       },
       {kOk}},
  };
  return operations;
}

void Contender::Run(int operations) {
  for (int i = 0; i < operations; ++i) {
    const Operation& operation = Operations()[random_() % Operations().size()];
    const SharedName& shared = names_[random_() % names_.size()];
    absl::Status answered = operation.run(client_, shared);
    observations_.Count(answered.code());
    for (int retries = 0; retries < kRetries && absl::IsAborted(answered); ++retries) {
      absl::SleepFor(absl::Milliseconds(2));
      answered = operation.run(client_, shared);
      observations_.Count(answered.code());
    }
    const auto& allowed = operation.allowed;
    if (std::find(allowed.begin(), allowed.end(), answered.code()) == allowed.end()) {
      observations_.Complain(
          absl::StrCat(operation.name, " of ", shared.name, ": ", answered.ToString()));
    }
  }
}

absl::Status CleanUp(VolumeClient& client, const SharedName& name) {
  RETURN_IF_ERROR(name.pod.Stop(client));
  RETURN_IF_ERROR(ControllerUnpublish(client, name));
  RETURN_IF_ERROR(client.Delete(name.pod.volume_id()));
  RETURN_IF_ERROR(client.Delete(name.restored_id));
  return client.DeleteSnapshot(name.snapshot_id);
}

}  // namespace nodevol::testing
