// SPDX-License-Identifier: Apache-2.0
#include "bench/round.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "bench/floor.h"

namespace nodevol::bench {
namespace {

using testing::VolumeClient;

// The floor is quick and, on filesystems that gather several fsyncs into one, uneven.
constexpr int kFloorsPerVolume = 4;

class Round {
 public:
  Round(Stand& stand, const Clients& clients, const RoundOptions& options)
      : stand_(stand),
        clients_(clients),
        options_(options),
        places_(options.volumes),
        volumes_(static_cast<size_t>(options.volumes)),
        snapshots_(static_cast<size_t>(options.volumes)) {}

  absl::StatusOr<std::vector<MeasuredPhase>> Run() {
    ASSIGN_OR_RETURN(Phase floor, MeasureFloor(stand_.filesystem(), Workers(),
                                               kFloorsPerVolume * options_.volumes));
    measured_.push_back({kFloor, std::move(floor)});
    if (options_.bare_subvolumes) RETURN_IF_ERROR(BareSubvolumes());
    RETURN_IF_ERROR(Create());
    RETURN_IF_ERROR(StageAndPublish());
    if (options_.live_snapshots) RETURN_IF_ERROR(Snapshot());
    RETURN_IF_ERROR(UnpublishAndUnstage());
    if (!options_.live_snapshots) RETURN_IF_ERROR(Snapshot());
    RETURN_IF_ERROR(Delete());
    return std::move(measured_);
  }

 private:
  using Operation = absl::FunctionRef<absl::Status(VolumeClient&, int index)>;

  [[nodiscard]] int Workers() const { return static_cast<int>(clients_.size()); }
  std::string& VolumeOf(int index) { return volumes_[static_cast<size_t>(index)]; }
  std::string& SnapshotOf(int index) { return snapshots_[static_cast<size_t>(index)]; }

  absl::StatusOr<Phase> Measure(absl::string_view what, Operation operation) {
    absl::StatusOr<Phase> phase =
        RunLoad(Workers(), options_.volumes, [&](int worker, int index) -> absl::Status {
          const absl::Status done = operation(*clients_[static_cast<size_t>(worker)], index);
          return done.ok() ? done
                           : absl::Status(done.code(), absl::StrCat(what, ": ", done.message()));
        });
    if (phase.ok()) measured_.push_back({std::string(what), *phase});
    return phase;
  }

  absl::Status BareSubvolumes() {
    ASSIGN_OR_RETURN(Phase bare,
                     MeasureBareSubvolumes(stand_.filesystem(), options_.kind.volume_bytes,
                                           Workers(), options_.volumes));
    measured_.push_back({kBareCalls, std::move(bare)});
    return stand_.Settle();
  }

  absl::Status Create() {
    return Measure(kCreate,
                   [this](VolumeClient& client, int i) -> absl::Status {
                     ASSIGN_OR_RETURN(const csi::v1::Volume volume,
                                      client.Create(absl::StrCat(options_.prefix, i),
                                                    options_.kind.volume_bytes));
                     VolumeOf(i) = volume.volume_id();
                     return absl::OkStatus();
                   })
        .status();
  }

  absl::Status StageAndPublish() {
    ASSIGN_OR_RETURN(const Phase stage, Measure(kStage, [this](VolumeClient& client, int i) {
                       return client.Stage(VolumeOf(i), places_.Staging(i));
                     }));
    ASSIGN_OR_RETURN(const Phase publish, Measure(kPublish, [this](VolumeClient& client, int i) {
                       return client.Publish(VolumeOf(i), places_.Staging(i), places_.Target(i));
                     }));
    measured_.push_back({kStageAndPublish, Chain(stage, publish)});
    return absl::OkStatus();
  }

  absl::Status UnpublishAndUnstage() {
    ASSIGN_OR_RETURN(const Phase unpublish,
                     Measure(kUnpublish, [this](VolumeClient& client, int i) {
                       return client.Unpublish(VolumeOf(i), places_.Target(i));
                     }));
    ASSIGN_OR_RETURN(const Phase unstage, Measure("unstage", [this](VolumeClient& client, int i) {
                       return client.Unstage(VolumeOf(i), places_.Staging(i));
                     }));
    measured_.back() = {kUnpublishAndUnstage, Chain(unpublish, unstage)};
    return absl::OkStatus();
  }

  absl::Status Snapshot() {
    return Measure(kSnapshot,
                   [this](VolumeClient& client, int i) -> absl::Status {
                     ASSIGN_OR_RETURN(const csi::v1::Snapshot snapshot,
                                      client.Snapshot(absl::StrCat(options_.prefix, i, "-snapshot"),
                                                      VolumeOf(i)));
                     SnapshotOf(i) = snapshot.snapshot_id();
                     return absl::OkStatus();
                   })
        .status();
  }

  // What is deleted goes in the background: the next operation is not to pay for it.
  absl::Status Delete() {
    RETURN_IF_ERROR(stand_.Settle());
    RETURN_IF_ERROR(Measure(kDelete, [this](VolumeClient& client, int i) {
                      return client.Delete(VolumeOf(i));
                    }).status());
    RETURN_IF_ERROR(stand_.Settle());
    RETURN_IF_ERROR(Measure(kDeleteSnapshot, [this](VolumeClient& client, int i) {
                      return client.DeleteSnapshot(SnapshotOf(i));
                    }).status());
    return stand_.Settle();
  }

  Stand& stand_;
  const Clients& clients_;
  const RoundOptions& options_;
  const Places places_;
  std::vector<std::string> volumes_;
  std::vector<std::string> snapshots_;
  std::vector<MeasuredPhase> measured_;
};

}  // namespace

Clients ConnectClients(const std::string& socket_path, const testing::VolumeClass& volume_class,
                       int count) {
  Clients clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<VolumeClient>(socket_path, volume_class));
    // Connects; what is wrong shows in the first operation.
    clients.back()
        ->csi()
        .Call(&testing::CsiClient::Identity::Probe, csi::v1::ProbeRequest())
        .IgnoreError();
  }
  return clients;
}

Places::Places(int count) : count_(count), root_(testing::NewDirectory()) {
  for (int i = 0; i < count_; ++i) ::mkdir(Staging(i).c_str(), 0700);
}

Places::~Places() {
  for (int i = 0; i < count_; ++i) ::rmdir(Staging(i).c_str());
  ::rmdir(root_.c_str());
}

std::string Places::Staging(int index) const { return absl::StrCat(root_, "/staging-", index); }

std::string Places::Target(int index) const { return absl::StrCat(root_, "/target-", index); }

absl::StatusOr<std::vector<MeasuredPhase>> RunRound(Stand& stand, const Clients& clients,
                                                    const RoundOptions& options) {
  return Round(stand, clients, options).Run();
}

}  // namespace nodevol::bench
