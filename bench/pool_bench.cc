// SPDX-License-Identifier: Apache-2.0
#include "bench/pool_bench.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/bytes.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "bench/round.h"

namespace nodevol::bench {
namespace {

// Few, so that the states take turns often; yet more than one, so that the start and the end of a
// phase, when not all clients are busy, do not weigh most.
constexpr int kVolumesPerClient = 4;
// More at once than are measured with: only the time until the measurement depends on it.
constexpr int kFillClients = 16;
constexpr int kCrowdedRounds = 4;
// Room for a round of the largest kind with its snapshots.
constexpr int64_t kPoolBytes = 64 * kGiB;

void Progress(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

int64_t PoolBytes(const PoolPlan& plan, int volumes) {
  return kPoolBytes + 2 * plan.fill.volume_bytes * volumes;
}

class PoolBench {
 public:
  static absl::StatusOr<PoolResult> Run(const PoolPlan& plan, const RunOptions& options) {
    const testing::TestFilesystem::Options pool = {.type = plan.filesystem,
                                                   .bytes = PoolBytes(plan, options.volumes),
                                                   .mount_option = plan.mount_option};
    ASSIGN_OR_RETURN(Stand empty, Stand::Start(pool));
    ASSIGN_OR_RETURN(Stand full, Stand::Start(pool));
    return PoolBench(plan, options, empty, full).Measure();
  }

 private:
  PoolBench(const PoolPlan& plan, const RunOptions& options, Stand& empty, Stand& full)
      : plan_(plan), options_(options), empty_(empty), full_(full) {}

  absl::StatusOr<PoolResult> Measure() {
    result_.name = plan_.name;
    result_.volumes = options_.volumes;
    result_.mount_words = plan_.mount_words;
    result_.few = plan_.few;
    result_.fill_words = plan_.fill_words;
    if (plan_.few > 0) RETURN_IF_ERROR(Fill(empty_, plan_.few).status());
    ASSIGN_OR_RETURN(fill_, Fill(full_, options_.volumes));
    RETURN_IF_ERROR(MeasureStart(empty_, result_.empty));
    RETURN_IF_ERROR(MeasureStart(full_, result_.full));
    for (const testing::Ground& kind : plan_.kinds) RETURN_IF_ERROR(MeasureKind(kind));
    ASSIGN_OR_RETURN(result_.empty.worked, empty_.MeasureFootprint());
    ASSIGN_OR_RETURN(result_.full.worked, full_.MeasureFootprint());
    if (plan_.published > 0) RETURN_IF_ERROR(MeasureCrowded());
    RETURN_IF_ERROR(empty_.Stop());
    RETURN_IF_ERROR(full_.Stop());
    return std::move(result_);
  }

  // Returns the ids.
  absl::StatusOr<std::vector<std::string>> Fill(Stand& stand, int volumes) {
    const Clients clients =
        ConnectClients(stand.socket_path(), plan_.fill.volume_class, kFillClients);
    std::vector<std::string> ids(static_cast<size_t>(volumes));
    ASSIGN_OR_RETURN(const Phase phase,
                     RunLoad(kFillClients, volumes, [&](int worker, int index) -> absl::Status {
                       ASSIGN_OR_RETURN(
                           const csi::v1::Volume volume,
                           clients[static_cast<size_t>(worker)]->Create(
                               absl::StrCat("existing-", index), plan_.fill.volume_bytes));
                       ids[static_cast<size_t>(index)] = volume.volume_id();
                       return absl::OkStatus();
                     }));
    result_.fill = phase.wall;
    Progress(absl::StrFormat("%s: %d volumes made in %.1f s", plan_.name, volumes,
                             absl::ToDoubleSeconds(phase.wall)));
    RETURN_IF_ERROR(stand.Settle());
    return ids;
  }

  static absl::Status MeasureStart(Stand& stand, DriverResult& result) {
    ASSIGN_OR_RETURN(result.cold_start, stand.RestartCold());
    ASSIGN_OR_RETURN(result.start, stand.Restart());
    ASSIGN_OR_RETURN(result.started, stand.MeasureFootprint());
    return absl::OkStatus();
  }

  absl::Status MeasureKind(const testing::Ground& kind) {
    KindResult measured;
    measured.name = kind.name;
    const Clients empty_clients =
        ConnectClients(empty_.socket_path(), kind.volume_class, options_.clients);
    const Clients full_clients =
        ConnectClients(full_.socket_path(), kind.volume_class, options_.clients);
    Rounds warm_up;
    const int per_round = VolumesPerRound(options_);
    const int rounds = (options_.samples + per_round - 1) / per_round;
    const absl::Duration begun = MonotonicNow();
    for (int round = 0; round <= rounds; ++round) {
      Rounds& empty = round == 0 ? warm_up : measured.empty;
      Rounds& full = round == 0 ? warm_up : measured.full;
      // Neither always comes after the other's dirty pages.
      if (round % 2 == 0) {
        RETURN_IF_ERROR(AddRound(empty_, empty_clients, kind, measured, empty));
        RETURN_IF_ERROR(AddRound(full_, full_clients, kind, measured, full));
      } else {
        RETURN_IF_ERROR(AddRound(full_, full_clients, kind, measured, full));
        RETURN_IF_ERROR(AddRound(empty_, empty_clients, kind, measured, empty));
      }
    }
    Progress(absl::StrFormat("%s: %d rounds in %.1f s", kind.name, rounds,
                             absl::ToDoubleSeconds(MonotonicNow() - begun)));
    result_.kinds.push_back(std::move(measured));
    return absl::OkStatus();
  }

  absl::Status AddRound(Stand& stand, const Clients& clients, const testing::Ground& kind,
                        KindResult& measured, Rounds& into) {
    const RoundOptions options = {.kind = kind,
                                  .volumes = VolumesPerRound(options_),
                                  .prefix = absl::StrCat("round-", round_++, "-"),
                                  .live_snapshots = plan_.live_snapshots,
                                  .bare_subvolumes = plan_.bare_subvolumes};
    ASSIGN_OR_RETURN(std::vector<MeasuredPhase> phases, RunRound(stand, clients, options));
    const bool first = measured.operations.empty();
    for (MeasuredPhase& phase : phases) {
      if (first) measured.operations.push_back(phase.operation);
      into[phase.operation].push_back(std::move(phase.phase));
    }
    return absl::OkStatus();
  }

  using FillCall = absl::FunctionRef<absl::Status(testing::VolumeClient&, int index,
                                                  const std::string& volume_id)>;
  absl::Status OnFill(const Clients& clients, int count, FillCall call) {
    return RunLoad(static_cast<int>(clients.size()), count,
                   [&](int worker, int index) {
                     return call(*clients[static_cast<size_t>(worker)], index,
                                 fill_[static_cast<size_t>(index)]);
                   })
        .status();
  }

  // The first kind once more, while many of the fill are published.
  absl::Status MeasureCrowded() {
    using testing::VolumeClient;
    const int published = std::min(plan_.published, options_.volumes);
    const Clients fill_clients =
        ConnectClients(full_.socket_path(), plan_.fill.volume_class, kFillClients);
    const Places places(published);
    const auto publish = [&](VolumeClient& client, int i, const std::string& id) -> absl::Status {
      RETURN_IF_ERROR(client.Stage(id, places.Staging(i)));
      return client.Publish(id, places.Staging(i), places.Target(i));
    };
    const auto unpublish = [&](VolumeClient& client, int i, const std::string& id) -> absl::Status {
      RETURN_IF_ERROR(client.Unpublish(id, places.Target(i)));
      return client.Unstage(id, places.Staging(i));
    };
    RETURN_IF_ERROR(OnFill(fill_clients, published, publish));
    const testing::Ground& kind = plan_.kinds.front();
    const Clients clients =
        ConnectClients(full_.socket_path(), kind.volume_class, options_.clients);
    KindResult& measured = result_.kinds.front();
    for (int round = 0; round < kCrowdedRounds; ++round) {
      RETURN_IF_ERROR(AddRound(full_, clients, kind, measured, measured.crowded));
    }
    result_.published = published;
    return OnFill(fill_clients, published, unpublish);
  }

  const PoolPlan& plan_;
  const RunOptions& options_;
  Stand& empty_;
  Stand& full_;
  std::vector<std::string> fill_;  // the ids of the volumes that only exist
  int round_ = 0;
  PoolResult result_;
};

}  // namespace

int VolumesPerRound(const RunOptions& options) { return kVolumesPerClient * options.clients; }

absl::StatusOr<PoolResult> BenchPool(const PoolPlan& plan, const RunOptions& options) {
  return PoolBench::Run(plan, options);
}

}  // namespace nodevol::bench
