// SPDX-License-Identifier: Apache-2.0
#include "bench/cluster_bench.h"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "base/monotonic.h"
#include "base/status_macros.h"
#include "bench/interruption.h"
#include "bench/load.h"
#include "storage/ids.h"
#include "storage/node_storage.h"
#include "test/scale/cluster_view.h"
#include "test/scale/controller_stand.h"
#include "test/scale/fleet.h"
#include "test/scale/process_usage.h"
#include "test/scale/requests.h"
#include "test/support/memory_storage.h"

namespace nodevol::bench {
namespace {

using testing::ClusterView;
using testing::ControllerStand;
using testing::CsiClient;
using testing::Fleet;
using testing::MemoryStorage;
using testing::ProcessUsage;
using testing::VolumeList;

// In turns, so that what else the machine does meets all calls alike.
constexpr int kRounds = 8;
constexpr int32_t kSmallEntries = 100;
constexpr int32_t kLargeEntries = 1000;
constexpr absl::Duration kPatience = absl::Minutes(5);
constexpr absl::Duration kPoll = absl::Milliseconds(20);
// Neighbours are not asked one after the other.
constexpr size_t kStride = 617;

absl::Status CreateAt(storage::NodeStorage& disks, const std::string& name) {
  absl::Status status;
  disks.CreateVolume(
      {}, testing::StoredRequest(name),
      [&status](const absl::StatusOr<storage::VolumePtr>& made) { status = made.status(); });
  return status;
}

absl::Status DeleteAt(storage::NodeStorage& disks, const storage::VolumeId& id) {
  absl::Status status;
  disks.DeleteVolume({}, id, [&status](absl::Status deleted) { status = std::move(deleted); });
  return status;
}

// One client, one call after the other, on a controller that has nothing else to do.
class CallBench {
 public:
  CallBench(const ClusterOptions& options, Fleet& fleet, ClusterView& view, Rounds& measured)
      : calls_((options.samples + kRounds - 1) / kRounds),
        fleet_(fleet),
        view_(view),
        measured_(measured),
        made_(static_cast<size_t>(calls_)) {
    for (int i = 0; i < options.node_volumes; ++i) alone_.Put(absl::StrCat("beforehand-", i));
  }

  absl::Status Run() {
    RETURN_IF_ERROR(AwaitSettled());
    for (int round = 0; round < kRounds; ++round) {
      RETURN_IF_ERROR(CheckNotInterrupted());
      RETURN_IF_ERROR(CreateAlone(round));
      RETURN_IF_ERROR(CreateAndDelete(round));
      RETURN_IF_ERROR(CreateAnywhere(round));
      RETURN_IF_ERROR(Look());
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Measure(const std::string& what,
                       absl::FunctionRef<absl::Status(size_t index)> call) {
    absl::StatusOr<Phase> phase = RunLoad(1, calls_, [&](int, int index) -> absl::Status {
      const absl::Status done = call(static_cast<size_t>(index));
      return done.ok() ? done : absl::Status(done.code(), absl::StrCat(what, ": ", done.message()));
    });
    RETURN_IF_ERROR(phase.status());
    measured_[what].push_back(*std::move(phase));
    return absl::OkStatus();
  }
  const std::string& NextNode() { return fleet_.node(next_++ * kStride % fleet_.size()).name(); }

  // A controller that has just been started makes nothing without being told where: it may not know
  // yet that there is one of the name.
  absl::Status AwaitSettled() {
    const absl::Duration deadline = MonotonicNow() + kPatience;
    while (true) {
      RETURN_IF_ERROR(CheckNotInterrupted());
      const absl::StatusOr<std::string> id = view_.CreateVolume("settled", "");
      if (id.ok()) return view_.DeleteVolume(*id);
      if (!absl::IsUnavailable(id.status()) || MonotonicNow() > deadline) return id.status();
      absl::SleepFor(kPoll);
    }
  }

  // What the nodes do is no more than this.
  absl::Status CreateAlone(int round) {
    const auto name = [round](size_t i) { return absl::StrCat("alone-", round, "-", i); };
    RETURN_IF_ERROR(Measure(kCreateAtNode, [&](size_t i) { return CreateAt(alone_, name(i)); }));
    for (size_t i = 0; i < made_.size(); ++i) {
      RETURN_IF_ERROR(DeleteAt(alone_, alone_.IdOf(name(i))));
    }
    return Measure(kBareCall, [this](size_t) {
      return view_.csi()
          .Call(&CsiClient::Controller::ControllerGetCapabilities,
                csi::v1::ControllerGetCapabilitiesRequest())
          .status();
    });
  }

  absl::Status Create(const std::string& name, const std::string& node, size_t i) {
    ASSIGN_OR_RETURN(made_[i], view_.CreateVolume(name, node));
    return absl::OkStatus();
  }

  absl::Status CreateAndDelete(int round) {
    RETURN_IF_ERROR(Measure(kCreateInCluster, [&](size_t i) {
      return Create(absl::StrCat("at-node-", round, "-", i), NextNode(), i);
    }));
    return Measure(kDeleteInCluster, [this](size_t i) { return view_.DeleteVolume(made_[i]); });
  }

  absl::Status CreateAnywhere(int round) {
    RETURN_IF_ERROR(Measure(kCreateAnywhere, [&](size_t i) {
      return Create(absl::StrCat("anywhere-", round, "-", i), "", i);
    }));
    for (const std::string& id : made_) RETURN_IF_ERROR(view_.DeleteVolume(id));
    return absl::OkStatus();
  }

  absl::Status Look() {
    RETURN_IF_ERROR(Measure(kSmallPage, [this](size_t) { return NextPage(kSmallEntries); }));
    RETURN_IF_ERROR(Measure(kLargePage, [this](size_t) { return NextPage(kLargeEntries); }));
    RETURN_IF_ERROR(
        Measure(kCapacityOfNode, [this](size_t) { return view_.Available(NextNode()).status(); }));
    return Measure(kCapacityOfAll, [this](size_t) { return view_.Available("").status(); });
  }

  // From the first to the last, and again.
  absl::Status NextPage(int32_t entries) {
    csi::v1::ListVolumesRequest request;
    request.set_max_entries(entries);
    request.set_starting_token(tokens_[entries]);
    ASSIGN_OR_RETURN(const csi::v1::ListVolumesResponse page,
                     view_.csi().Call(&CsiClient::Controller::ListVolumes, request));
    tokens_[entries] = page.next_token();
    return absl::OkStatus();
  }

  const int calls_;
  Fleet& fleet_;
  ClusterView& view_;
  Rounds& measured_;
  MemoryStorage alone_{MemoryStorage::Options{}};
  std::vector<std::string> made_;
  std::map<int32_t, std::string> tokens_;
  size_t next_ = 0;
};

absl::Status AwaitConnected(const Fleet& fleet, ClusterView& view, int64_t available) {
  const absl::Duration deadline = MonotonicNow() + kPatience;
  while (true) {
    RETURN_IF_ERROR(CheckNotInterrupted());
    if (fleet.connected() == fleet.size()) {
      ASSIGN_OR_RETURN(const int64_t told, view.Available(""));
      if (told == available) return absl::OkStatus();
    }
    if (MonotonicNow() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(fleet.connected(), " of ", fleet.size(),
                                                      " nodes are connected, and not all "
                                                      "are known; ",
                                                      fleet.Trouble().ToString()));
    }
    absl::SleepFor(kPoll);
  }
}

// Lets the nodes and the controller find each other, by `begin`, and waits until it knows all.
absl::StatusOr<Arrival> MeasureArrival(Fleet& fleet, const ControllerStand& controller,
                                       absl::FunctionRef<absl::Status()> begin) {
  const VolumeList volumes = fleet.Volumes();
  ASSIGN_OR_RETURN(const ProcessUsage before, testing::UsageOf(::getpid()));
  const absl::Duration begun = MonotonicNow();
  RETURN_IF_ERROR(begin());
  ClusterView view(controller.socket_path());
  RETURN_IF_ERROR(AwaitConnected(fleet, view, fleet.AvailableBytes()));
  const absl::Duration connected = MonotonicNow();
  ASSIGN_OR_RETURN(const VolumeList listed, view.ListVolumes(kLargeEntries));
  const absl::Duration known = MonotonicNow();
  ASSIGN_OR_RETURN(const ProcessUsage after, testing::UsageOf(::getpid()));
  ASSIGN_OR_RETURN(const ProcessUsage usage, testing::UsageOf(controller.pid()));
  RETURN_IF_ERROR(testing::CheckSameVolumes(listed, volumes));
  return Arrival{.connected = connected - begun,
                 .known = known - begun,
                 .listing = known - connected,
                 .controller_processor = usage.processor,
                 .nodes_processor = after.processor - before.processor,
                 .resident_bytes = usage.resident_bytes,
                 .peak_resident_bytes = usage.peak_resident_bytes};
}

absl::StatusOr<ClusterResult> MeasureAll(const ClusterOptions& options, Fleet& fleet,
                                         ControllerStand& controller) {
  ClusterResult result;
  result.options = options;
  ASSIGN_OR_RETURN(const ProcessUsage empty, testing::UsageOf(controller.pid()));
  result.empty_resident_bytes = empty.resident_bytes;
  ASSIGN_OR_RETURN(result.first, MeasureArrival(fleet, controller, [&fleet] {
                     fleet.OpenAll();
                     return absl::OkStatus();
                   }));
  {
    ClusterView view(controller.socket_path());
    RETURN_IF_ERROR(CallBench(options, fleet, view, result.calls).Run());
  }
  ASSIGN_OR_RETURN(const ProcessUsage worked, testing::UsageOf(controller.pid()));
  result.worked_resident_bytes = worked.resident_bytes;
  controller.Kill();
  ASSIGN_OR_RETURN(result.again,
                   MeasureArrival(fleet, controller, [&controller] { return controller.Start(); }));
  return result;
}

}  // namespace

absl::StatusOr<ClusterResult> BenchCluster(const ClusterOptions& options) {
  const absl::Duration begun = MonotonicNow();
  ASSIGN_OR_RETURN(const std::unique_ptr<ControllerStand> controller,
                   ControllerStand::Create({"--log-level=warn"}));
  ASSIGN_OR_RETURN(const std::unique_ptr<Fleet> fleet,
                   Fleet::Make({.nodes = static_cast<size_t>(options.nodes),
                                .volumes_per_node = static_cast<size_t>(options.node_volumes),
                                .controller = controller->address(),
                                .dials_at_once = static_cast<size_t>(options.dials)},
                               controller->authority()));
  std::fprintf(stderr, "cluster: %d nodes are made in %.1f s\n", options.nodes,
               absl::ToDoubleSeconds(MonotonicNow() - begun));
  ASSIGN_OR_RETURN(ClusterResult result, MeasureAll(options, *fleet, *controller));
  fleet->Close(0, fleet->size());
  RETURN_IF_ERROR(controller->Stop());
  std::fprintf(stderr, "cluster: in %.1f s\n", absl::ToDoubleSeconds(MonotonicNow() - begun));
  return result;
}

}  // namespace nodevol::bench
