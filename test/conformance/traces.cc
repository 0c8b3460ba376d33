// SPDX-License-Identifier: Apache-2.0
#include "test/conformance/traces.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace nodevol::testing {

void Traces::AddGroup(const csi::v1::VolumeGroupSnapshot& group) {
  Trace trace = {group.group_snapshot_id(), "", {}};
  for (const csi::v1::Snapshot& member : group.snapshots()) {
    trace.members.push_back(member.snapshot_id());
  }
  Add(&Made::groups, std::move(trace));
}

absl::Status Traces::Unpublish(const Trace& target) {
  csi::v1::NodeUnpublishVolumeRequest request;
  request.set_volume_id(target.id);
  request.set_target_path(target.path);
  return driver_.Call(&Node::NodeUnpublishVolume, request).status();
}

absl::Status Traces::Unstage(const Trace& staging) {
  csi::v1::NodeUnstageVolumeRequest request;
  request.set_volume_id(staging.id);
  request.set_staging_target_path(staging.path);
  return driver_.Call(&Node::NodeUnstageVolume, request).status();
}

absl::Status Traces::Detach(const Trace& attachment) {
  csi::v1::ControllerUnpublishVolumeRequest request;
  request.set_volume_id(attachment.id);
  request.set_node_id(driver_.node().node_id());
  return driver_.Call(&Controller::ControllerUnpublishVolume, request).status();
}

absl::Status Traces::DeleteGroup(const Trace& group) {
  csi::v1::DeleteVolumeGroupSnapshotRequest request;
  request.set_group_snapshot_id(group.id);
  request.mutable_snapshot_ids()->Assign(group.members.begin(), group.members.end());
  return driver_.Call(&GroupController::DeleteVolumeGroupSnapshot, request).status();
}

absl::Status Traces::DeleteSnapshot(const Trace& snapshot) {
  csi::v1::DeleteSnapshotRequest request;
  request.set_snapshot_id(snapshot.id);
  return driver_.Call(&Controller::DeleteSnapshot, request).status();
}

absl::Status Traces::DeleteVolume(const Trace& volume) {
  csi::v1::DeleteVolumeRequest request;
  request.set_volume_id(volume.id);
  return driver_.Call(&Controller::DeleteVolume, request).status();
}

void Traces::UndoEach(absl::Status (Traces::*undo)(const Trace&), std::vector<Trace>& traces,
                      std::vector<std::string>& complaints) {
  std::vector<Trace> left;
  for (auto trace = traces.rbegin(); trace != traces.rend(); ++trace) {
    const absl::Status undone = (this->*undo)(*trace);
    if (undone.ok() || absl::IsNotFound(undone)) continue;
    complaints.push_back(absl::StrCat(trace->id, " ", trace->path, ": ", undone.ToString()));
    left.insert(left.begin(), *trace);
  }
  traces = std::move(left);
}

std::vector<std::string> Traces::Undo() {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> complaints;
  size_t before = 0;
  do {
    before = made_.Count();
    complaints.clear();
    UndoEach(&Traces::Unpublish, made_.targets, complaints);
    UndoEach(&Traces::Unstage, made_.stagings, complaints);
    UndoEach(&Traces::Detach, made_.attachments, complaints);
    UndoEach(&Traces::DeleteGroup, made_.groups, complaints);
    UndoEach(&Traces::DeleteSnapshot, made_.snapshots, complaints);
    UndoEach(&Traces::DeleteVolume, made_.volumes, complaints);
  } while (made_.Count() > 0 && made_.Count() < before);
  return complaints;
}

}  // namespace nodevol::testing
