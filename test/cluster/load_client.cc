// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/load_client.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "test/cluster/insist.h"

namespace nodevol::testing {
namespace {

using Controller = CsiClient::Controller;

constexpr int64_t kBytes = 8 * kMiB;
constexpr int64_t kMostBytes = 32 * kMiB;
constexpr size_t kMostVolumes = 12;
constexpr absl::Duration kCallTimeout = absl::Seconds(5);
// Then it turns to something else for a while.
constexpr absl::Duration kShortPatience = absl::Seconds(1);

}  // namespace

LoadClient::LoadClient(const Cluster& cluster, Observations& observations, std::string name,
                       unsigned seed)
    : cluster_(cluster), observations_(observations), name_(std::move(name)), random_(seed) {}

size_t LoadClient::Random(size_t n) { return random_() % n; }

std::string LoadClient::NextName(absl::string_view kind) {
  return absl::StrCat(name_, "-", kind, "-", names_++);
}

template <typename Wishes>
auto LoadClient::Pick(Wishes& wishes, Known known) -> typename Wishes::value_type* {
  std::vector<typename Wishes::value_type*> candidates;
  for (auto& wish : wishes) {
    if (wish.known() == known) candidates.push_back(&wish);
  }
  return candidates.empty() ? nullptr : candidates[Random(candidates.size())];
}

// ---- What it does ----

void LoadClient::Step() {
  using Kind = void (LoadClient::*)();
  static constexpr std::array<Kind, 12> kKinds = {
      &LoadClient::CreateVolume,   &LoadClient::CreateVolume, &LoadClient::CreateVolume,
      &LoadClient::CopyVolume,     &LoadClient::ExpandVolume, &LoadClient::ExpandVolume,
      &LoadClient::DeleteVolume,   &LoadClient::DeleteVolume, &LoadClient::CreateSnapshot,
      &LoadClient::CreateSnapshot, &LoadClient::TryAgain,     &LoadClient::DeleteSnapshot};
  if (refused_) return;
  (this->*kKinds[Random(kKinds.size())])();
}

void LoadClient::CreateVolume() {
  if (model_.VolumesAtMost() >= kMostVolumes) return DeleteVolume();
  const size_t node = Random(Cluster::kNodes);
  VolumeWish& wish = model_.volumes.emplace_back();
  wish.request = cluster_.RequestAt(NextName("volume"), kBytes, node);
  wish.node = cluster_.node(node).name();
  Pursue(wish);
}

void LoadClient::CopyVolume() {
  if (model_.VolumesAtMost() >= kMostVolumes) return DeleteVolume();
  const SnapshotWish* const snapshot =
      Random(2) == 0 ? Pick(model_.snapshots, Known::kPresent) : nullptr;
  const VolumeWish* const volume = Pick(model_.volumes, Known::kPresent);
  if (snapshot == nullptr && volume == nullptr) return;
  VolumeWish wish;
  // It goes to its source, whichever node is preferred.
  wish.request = cluster_.RequestAt(NextName("copy"), 0, Random(Cluster::kNodes));
  csi::v1::VolumeContentSource& source = *wish.request.mutable_volume_content_source();
  if (snapshot != nullptr) {
    source.mutable_snapshot()->set_snapshot_id(snapshot->id);
    wish.source_id = snapshot->id;
    wish.node = snapshot->node;
  } else {
    source.mutable_volume()->set_volume_id(volume->id);
    wish.source_id = volume->id;
    wish.node = volume->node;
  }
  Pursue(model_.volumes.emplace_back(std::move(wish)));
}

void LoadClient::ExpandVolume() {
  VolumeWish* const wish = Pick(model_.volumes, Known::kPresent);
  if (wish == nullptr || wish->bytes >= kMostBytes) return;
  wish->wanted_bytes = wish->bytes + kBytes;
  Pursue(*wish);
}

void LoadClient::DeleteVolume() {
  VolumeWish* const wish = Pick(model_.volumes, Known::kPresent);
  if (wish == nullptr || model_.IsNeeded(wish->id)) return;
  wish->wanted = false;
  Pursue(*wish);
}

void LoadClient::CreateSnapshot() {
  const VolumeWish* const volume = Pick(model_.volumes, Known::kPresent);
  if (volume == nullptr) return;
  SnapshotWish& wish = model_.snapshots.emplace_back();
  wish.snapshot_name = NextName("snapshot");
  wish.source_id = volume->id;
  wish.node = volume->node;
  Pursue(wish);
}

void LoadClient::DeleteSnapshot() {
  SnapshotWish* const wish = Pick(model_.snapshots, Known::kPresent);
  if (wish == nullptr || model_.IsNeeded(wish->id)) return;
  wish->wanted = false;
  Pursue(*wish);
}

void LoadClient::TryAgain() {
  if (VolumeWish* const volume = Pick(model_.volumes, Known::kMaybe); volume != nullptr) {
    Pursue(*volume);
  }
  if (SnapshotWish* const snapshot = Pick(model_.snapshots, Known::kMaybe); snapshot != nullptr) {
    Pursue(*snapshot);
  }
}

template <typename Wish>
void LoadClient::Pursue(Wish& wish) {
  const absl::Status answer = Fulfil(wish, kShortPatience);
  if (answer.ok()) {
    ++acknowledged_;
  } else if (!IsUndecidedOrNoRoom(answer)) {
    refused_ = true;
    observations_.Complain(Annotate(answer, wish.name()).ToString());
  }
}

// ---- How it asks ----

absl::Status LoadClient::Repeat(absl::Duration patience, const Call& call) {
  return Insist(
      [&] {
        VolumeClient client =
            cluster_.ClientOf(Random(Cluster::kReplicas), {BlockCapability(), {}}, kCallTimeout);
        const absl::Status answer = call(client);
        observations_.Count(answer.code());
        return answer;
      },
      IsUndecidedOrNoRoom, patience);
}

absl::Status LoadClient::Make(VolumeWish& wish, absl::Duration patience) {
  return Repeat(patience, [&wish](VolumeClient& client) -> absl::Status {
    ASSIGN_OR_RETURN(const csi::v1::CreateVolumeResponse response,
                     client.csi().Call(&Controller::CreateVolume, wish.request));
    const csi::v1::Volume& volume = response.volume();
    if (NodeNameOf(volume) != wish.node) {
      return absl::InternalError(
          absl::StrCat("it is on ", NodeNameOf(volume), ", not on ", wish.node));
    }
    wish.id = volume.volume_id();
    wish.bytes = volume.capacity_bytes();
    return absl::OkStatus();
  });
}

absl::Status LoadClient::Fulfil(VolumeWish& wish, absl::Duration patience) {
  if (wish.id.empty()) return Make(wish, patience);
  if (wish.wanted) {
    const absl::Status grown = Repeat(patience, [&wish](VolumeClient& client) -> absl::Status {
      ASSIGN_OR_RETURN(wish.bytes, client.ControllerExpand(wish.id, wish.wanted_bytes));
      return absl::OkStatus();
    });
    return Annotate(grown, "expand");
  }
  const absl::Status deleted =
      Repeat(patience, [&wish](VolumeClient& client) { return client.Delete(wish.id); });
  wish.gone = deleted.ok();
  return Annotate(deleted, "delete");
}

absl::Status LoadClient::Fulfil(SnapshotWish& wish, absl::Duration patience) {
  if (wish.id.empty()) {
    return Repeat(patience, [&wish](VolumeClient& client) -> absl::Status {
      ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot,
                       client.Snapshot(wish.snapshot_name, wish.source_id));
      wish.id = snapshot.snapshot_id();
      return absl::OkStatus();
    });
  }
  const absl::Status deleted =
      Repeat(patience, [&wish](VolumeClient& client) { return client.DeleteSnapshot(wish.id); });
  wish.gone = deleted.ok();
  return Annotate(deleted, "delete");
}

// ---- At the end ----

template <typename Wishes>
absl::Status LoadClient::SettleAll(Wishes& wishes) {
  for (auto& wish : wishes) {
    if (wish.known() == Known::kMaybe) {
      RETURN_IF_ERROR(Annotate(Fulfil(wish, kPatience), wish.name()));
    }
  }
  return absl::OkStatus();
}

absl::Status LoadClient::Settle() {
  RETURN_IF_ERROR(SettleAll(model_.volumes));
  return SettleAll(model_.snapshots);
}

absl::Status LoadClient::DeleteAll() {
  for (VolumeWish& wish : model_.volumes) wish.wanted = false;
  for (SnapshotWish& wish : model_.snapshots) wish.wanted = false;
  return Settle();
}

}  // namespace nodevol::testing
