// SPDX-License-Identifier: Apache-2.0
//
// The operations on the volumes of one pool.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/capability.h"
#include "storage/engine.h"
#include "storage/layout.h"
#include "storage/record_file.h"
#include "storage/staged_object.h"
#include "storage/volume_attributes.h"

namespace nodevol::storage {
namespace {

// The caller, or its deadline, is gone; nothing was made visible.
absl::Status Abandoned() {
  return absl::CancelledError("the caller is gone; nothing was changed, retry");
}

}  // namespace

absl::StatusOr<VolumePtr> Engine::CreateVolume(const OperationContext& context,
                                               CreateVolumePlan plan) {
  return Finish(DoCreateVolume(context, plan));
}

absl::StatusOr<VolumePtr> Engine::DoCreateVolume(const OperationContext& context,
                                                 CreateVolumePlan& plan) {
  if (context.abandoned()) return Abandoned();
  RETURN_IF_ERROR(pool_->Check());
  MakeRoom();
  auto record = std::make_shared<v1::VolumeRecord>();
  record->set_id(plan.id.text());
  record->set_generation(1);
  *record->mutable_request() = plan.request;
  *record->mutable_created() = google::protobuf::util::TimeUtil::GetCurrentTime();
  record->set_size_bytes(plan.size_bytes);
  *record->mutable_attributes() = plan.spec.attributes;
  if (plan.ephemeral.has_value()) *record->mutable_ephemeral() = *plan.ephemeral;
  ASSIGN_OR_RETURN(StagedObject staged, StagedObject::Create(*pool_));
  RETURN_IF_ERROR(MakeContent(plan, staged.directory(), *record));
  RETURN_IF_ERROR(BackendOf(*record).SyncContent(staged.directory()));
  (*record->mutable_volume_context())["pool"] = pool_->name();
  (*record->mutable_volume_context())["backend"] = record->has_directory() ? "directory" : "image";
  RETURN_IF_ERROR(WriteRecord(staged.directory(), kRecordFile, *record));
  // What took long to copy is kept: the retry of a caller that gave up waiting finds it.
  if (!plan.origin.has_value() && context.abandoned()) return Abandoned();
  RETURN_IF_ERROR(staged.Commit(pool_->volumes(), plan.id.text()));
  plan.reservation.Keep();
  catalog_.volumes.Put(record);
  Measure(*record);
  return VolumePtr(record);
}

absl::Status Engine::MakeContent(const CreateVolumePlan& plan, int object,
                                 v1::VolumeRecord& record) {
  Backend* const backend = BackendFor(plan.spec);
  if (backend == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "pool \"", pool_->name(),
        "\" can't limit the size of directories: ", pool_->directory_limit().why_none));
  }
  RETURN_IF_ERROR(backend->Describe(plan.spec, record));
  if (plan.origin.has_value() && record.has_image()) {
    const v1::ImageContent& copied = plan.origin->volume != nullptr
                                         ? plan.origin->volume->image()
                                         : plan.origin->snapshot->image();
    record.mutable_image()->set_fs_type(copied.fs_type());
    record.mutable_image()->set_sector_bytes(copied.sector_bytes());
  }
  if (!plan.origin.has_value()) return backend->Create(object, record, plan.spec);
  const ContentOrigin& origin = *plan.origin;
  const CopyTarget target = {.object = object, .directory = record.directory()};
  if (origin.volume != nullptr) {
    RETURN_IF_ERROR(CopyVolume(*origin.engine, *origin.volume, target));
  } else {
    RETURN_IF_ERROR(CopySnapshot(*origin.engine, *origin.snapshot, target));
  }
  RETURN_IF_ERROR(backend->PrepareGrowth(object, record));
  return backend->ApplySize(object, record);
}

absl::Status Engine::DeleteVolume(const VolumeId& id) { return Finish(DoDeleteVolume(id)); }

absl::Status Engine::DoDeleteVolume(const VolumeId& id) {
  // Only a pool that has proved to be itself may say that a volume is not there.
  RETURN_IF_ERROR(pool_->Check());
  const absl::StatusOr<VolumePtr> record = catalog_.volumes.Find(id.text());
  if (absl::IsNotFound(record.status())) return absl::OkStatus();
  RETURN_IF_ERROR(record.status());
  {
    ASSIGN_OR_RETURN(const UniqueFd object, OpenVolume(id));
    RETURN_IF_ERROR(CheckNotInUse(object.get(), **record));
  }
  return MoveVolumeToTrash(id, *record);
}

absl::Status Engine::CheckNotInUse(int object, const v1::VolumeRecord& record) {
  if (record.has_publication()) {
    return absl::FailedPreconditionError(absl::StrCat("the volume is published to node ",
                                                      record.publication().node_id(),
                                                      "; unpublish it there first"));
  }
  ASSIGN_OR_RETURN(const std::vector<VolumeMount> mounts, LiveMounts(object, record));
  if (!mounts.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the volume is in use: it is mounted at ", mounts.front().path,
        mounts.size() > 1 ? absl::StrCat(" and ", mounts.size() - 1, " more places") : "",
        "; end its pods first"));
  }
  return BackendOf(record).CheckUnused(object);
}

absl::StatusOr<ExpandedVolume> Engine::ExpandVolume(const VolumeId& id,
                                                    const v1::CapacityRange& range) {
  absl::StatusOr<ExpandedVolume> expanded = Finish(DoExpandVolume(id, range));
  // RESOURCE_EXHAUSTED would mean "still running" to the resizer; OUT_OF_RANGE lets the user ask
  // for less.
  if (absl::IsResourceExhausted(expanded.status())) {
    return absl::OutOfRangeError(absl::StrCat("no room to grow in pool \"", pool_->name(),
                                              "\": ", expanded.status().message()));
  }
  return expanded;
}

absl::StatusOr<ExpandedVolume> Engine::DoExpandVolume(const VolumeId& id,
                                                      const v1::CapacityRange& range) {
  ASSIGN_OR_RETURN(const VolumePtr before, catalog_.volumes.Find(id.text()));
  ASSIGN_OR_RETURN(const UniqueFd object, OpenVolume(id));
  v1::CapacityRange wanted = range;
  if (wanted.required_bytes() == 0) wanted.set_required_bytes(before->size_bytes());
  ASSIGN_OR_RETURN(const int64_t size, ChooseSize(wanted, before->size_bytes(), 0));
  VolumePtr volume = before;
  if (size > before->size_bytes()) {
    ASSIGN_OR_RETURN(Ledger::Reservation reservation, pool_->ledger().Reserve(LedgerKey(id), size));
    MakeRoom();
    v1::VolumeRecord after = *before;
    after.set_size_bytes(size);
    RETURN_IF_ERROR(Grow(object.get(), *before, after));
    reservation.Keep();
    ASSIGN_OR_RETURN(volume, catalog_.volumes.Find(id.text()));
  } else {
    RETURN_IF_ERROR(BackendOf(*volume).ApplySize(object.get(), *volume));
  }
  if (IsBlock(*volume)) {
    // The device is told at once: nothing on it has to grow.
    ASSIGN_OR_RETURN(const std::vector<VolumeMount> mounts, LiveMounts(object.get(), *volume));
    for (const VolumeMount& mount : mounts) {
      ASSIGN_OR_RETURN(const std::optional<UniqueFd> fd,
                       OpenMountOf(object.get(), *volume, mount.path));
      if (fd.has_value()) {
        RETURN_IF_ERROR(BackendOf(*volume).GrowInUse(object.get(), *volume, fd->get()));
      }
    }
  }
  return ExpandedVolume{volume, volume->has_image() && !IsBlock(*volume)};
}

absl::Status Engine::Grow(int object, const v1::VolumeRecord& before,
                          const v1::VolumeRecord& after) {
  Backend& backend = BackendOf(after);
  RETURN_IF_ERROR(backend.PrepareGrowth(object, after));
  return Promise(object, before, after, [&](const v1::VolumeRecord& promised) -> absl::Status {
    RETURN_IF_ERROR(backend.ApplySize(object, promised));
    // A project's limits need no sync: what a power cut takes of them is set again at start.
    if (promised.directory().limit() == v1::DirectoryContent::PROJECT_QUOTA) {
      return absl::OkStatus();
    }
    return backend.SyncContent(object);
  });
}

absl::Status Engine::Promise(int object, const v1::VolumeRecord& before,
                             const v1::VolumeRecord& after,
                             absl::FunctionRef<absl::Status(const v1::VolumeRecord&)> apply) {
  ASSIGN_OR_RETURN(const VolumePtr promised, ReplaceVolumeRecord(object, after));
  const absl::Status applied = apply(*promised);
  if (applied.ok() || !pool_->fault().ok()) return applied;
  v1::VolumeRecord back = before;
  back.set_generation(promised->generation());
  if (const absl::Status undone = ReplaceVolumeRecord(object, back).status(); !undone.ok()) {
    log::Error("a failed change could not be taken back",
               {{"volume_id", before.id()}, {"error", undone}});
  }
  return applied;
}

absl::StatusOr<VolumePtr> Engine::ModifyVolume(
    const VolumeId& id, const google::protobuf::Map<std::string, std::string>& parameters) {
  return Finish(DoModifyVolume(id, parameters));
}

absl::StatusOr<VolumePtr> Engine::DoModifyVolume(
    const VolumeId& id, const google::protobuf::Map<std::string, std::string>& parameters) {
  ASSIGN_OR_RETURN(const VolumePtr before, catalog_.volumes.Find(id.text()));
  v1::VolumeRecord after = *before;
  RETURN_IF_ERROR(SetAttributes(parameters, *after.mutable_attributes()));
  RETURN_IF_ERROR(CheckAttributes(after));
  ASSIGN_OR_RETURN(const UniqueFd object, OpenVolume(id));
  const auto apply = [&](const v1::VolumeRecord& record) -> absl::Status {
    RETURN_IF_ERROR(BackendOf(record).ApplySize(object.get(), record));
    ASSIGN_OR_RETURN(const std::vector<VolumeMount> mounts, LiveMounts(object.get(), record));
    for (const VolumeMount& mount : mounts) {
      ASSIGN_OR_RETURN(const std::optional<UniqueFd> fd,
                       OpenMountOf(object.get(), record, mount.path));
      if (!fd.has_value()) continue;
      // One is enough: all mounts of a volume are views of one filesystem.
      return BackendOf(record).ApplyAttributesInUse(record, fd->get());
    }
    return absl::OkStatus();
  };
  if (google::protobuf::util::MessageDifferencer::Equals(*before, after)) {
    RETURN_IF_ERROR(apply(*before));  // a crash may have come before
    return before;
  }
  RETURN_IF_ERROR(Promise(object.get(), *before, after, apply));
  return catalog_.volumes.Find(id.text());
}

absl::StatusOr<VolumePtr> Engine::PublishVolume(const VolumeId& id,
                                                const v1::ControllerPublication& publication) {
  return Finish(DoPublishVolume(id, publication));
}

absl::StatusOr<VolumePtr> Engine::DoPublishVolume(const VolumeId& id,
                                                  const v1::ControllerPublication& publication) {
  ASSIGN_OR_RETURN(const VolumePtr volume, catalog_.volumes.Find(id.text()));
  if (volume->has_publication()) {
    const v1::ControllerPublication& now = volume->publication();
    if (now.node_id() != publication.node_id()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the volume is published to node ", now.node_id(), "; unpublish it there first"));
    }
    if (now.readonly() != publication.readonly() ||
        !SameCapability(now.capability(), publication.capability())) {
      return absl::AlreadyExistsError(
          absl::StrCat("the volume is published to node ", now.node_id(),
                       " with another capability or readonly flag; unpublish it first"));
    }
    return volume;
  }
  ASSIGN_OR_RETURN(const UniqueFd object, OpenVolume(id));
  v1::VolumeRecord after = *volume;
  *after.mutable_publication() = publication;
  return ReplaceVolumeRecord(object.get(), std::move(after));
}

absl::Status Engine::UnpublishVolume(const VolumeId& id, const std::string& node_id) {
  return Finish(DoUnpublishVolume(id, node_id));
}

absl::Status Engine::DoUnpublishVolume(const VolumeId& id, const std::string& node_id) {
  const absl::StatusOr<VolumePtr> volume = catalog_.volumes.Find(id.text());
  if (absl::IsNotFound(volume.status())) return absl::OkStatus();
  RETURN_IF_ERROR(volume.status());
  if (!(*volume)->has_publication() ||
      (!node_id.empty() && node_id != (*volume)->publication().node_id())) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const UniqueFd object, OpenVolume(id));
  v1::VolumeRecord after = **volume;
  after.clear_publication();
  return ReplaceVolumeRecord(object.get(), std::move(after)).status();
}

absl::StatusOr<VolumePtr> Engine::ReplaceVolumeRecord(int object, v1::VolumeRecord record) {
  record.set_generation(record.generation() + 1);
  absl::Status replaced = ReplaceRecord(object, kRecordFile, record);
  if (IsOutOfSpace(replaced)) {
    // A full pool must still be able to give volumes up.
    RETURN_IF_ERROR(pool_->reserve().GiveUp());
    replaced = ReplaceRecord(object, kRecordFile, record);
  }
  RETURN_IF_ERROR(replaced);
  RETURN_IF_ERROR(pool_->SyncOrFault(object));
  auto shared = std::make_shared<const v1::VolumeRecord>(std::move(record));
  catalog_.volumes.Put(shared);
  return VolumePtr(shared);
}

}  // namespace nodevol::storage
