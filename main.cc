// SPDX-License-Identifier: Apache-2.0
//
// nodevol: flags, then pools, then services, then the socket; and back in the other order.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpc/support/log.h"

#include "admin/admin_handler.h"
#include "admin/admin_service.h"
#include "admin/run_command.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "base/tsan_suppressions.h"
#include "controller/controller_handler.h"
#include "controller/controller_service.h"
#include "controller/group_handler.h"
#include "controller/group_service.h"
#include "controller/snapshot_metadata_handler.h"
#include "controller/snapshot_metadata_service.h"
#include "generated_version.h"
#include "host/freeze_guard.h"
#include "host/privilege.h"
#include "identity/identity_handler.h"
#include "identity/identity_service.h"
#include "node/node_handler.h"
#include "node/node_service.h"
#include "options.h"
#include "rpc/calls.h"
#include "rpc/http_server.h"
#include "rpc/metrics.h"
#include "rpc/server.h"
#include "rpc/topology.h"
#include "storage/local_storage.h"

namespace nodevol {
namespace {

constexpr absl::Duration kDrainTimeout = absl::Seconds(10);
constexpr absl::Duration kShutdownTimeout = absl::Seconds(2);
constexpr absl::Duration kProbeTimeout = absl::Seconds(5);

std::vector<rpc::Gauge> PoolGauges(const storage::LocalStorage& storage) {
  std::vector<rpc::Gauge> gauges;
  for (const storage::PoolStatistics& pool : storage.Statistics()) {
    const auto add = [&](const char* name, const char* help, double value) {
      gauges.push_back({absl::StrCat("nodevol_pool_", name), help, {{"pool", pool.name}}, value});
    };
    add("capacity_bytes", "Space for volumes, the pool's reserve left out.",
        static_cast<double>(pool.total_bytes));
    add("available_bytes", "Largest volume that could be made now.",
        static_cast<double>(pool.available_bytes));
    add("promised_bytes", "Space promised to volumes and pinned by snapshots.",
        static_cast<double>(pool.promised_bytes));
    add("kept_bytes", "Of the promised space: held by deleted volumes that can be had back.",
        static_cast<double>(pool.kept_bytes));
    add("kept_volumes", "Deleted volumes that can be had back.",
        static_cast<double>(pool.kept_volumes));
    add("volumes", "Volumes in the pool.", static_cast<double>(pool.volumes));
    add("snapshots", "Snapshots in the pool.", static_cast<double>(pool.snapshots));
    add("damaged", "Volumes and snapshots that can't be used because of their record.",
        static_cast<double>(pool.damaged));
    add("project_escapes",
        "Files found since the pool was opened that had left their volume's project, and so its "
        "limit.",
        static_cast<double>(pool.project_escapes));
    add("ready", "1 while the pool takes changes, 0 when its disk has failed or is not mounted.",
        pool.state.ok() ? 1 : 0);
  }
  return gauges;
}

// The conditions of volume health, whether or not it is served to the CO.
std::vector<rpc::Gauge> HealthGauges(const storage::LocalStorage& storage) {
  std::vector<rpc::Gauge> gauges;
  for (const storage::LocalStorage::PoolHealth& unhealthy : storage.UnhealthyPools()) {
    for (const storage::HealthCondition& condition : unhealthy.conditions) {
      gauges.push_back({"nodevol_pool_condition",
                        "1 for each thing that is wrong with a pool.",
                        {{"pool", unhealthy.pool},
                         {"status", std::string(storage::HealthStatusName(condition.status))},
                         {"reason", condition.reason}},
                        1});
    }
  }
  std::map<std::pair<storage::HealthStatus, std::string>, int> volumes;
  for (const storage::VolumeHealth& ill : storage.ListVolumeHealth({}).entries) {
    for (const storage::HealthCondition& condition : ill.conditions) {
      ++volumes[{condition.status, condition.reason}];
    }
  }
  for (const auto& [condition, count] : volumes) {
    gauges.push_back({"nodevol_volume_conditions",
                      "Volumes with which this is wrong.",
                      {{"status", std::string(storage::HealthStatusName(condition.first))},
                       {"reason", condition.second}},
                      static_cast<double>(count)});
  }
  return gauges;
}

// Everything that lives between start and stop, in the order in which the parts need each other.
class App {
 public:
  static absl::StatusOr<std::unique_ptr<App>> Start(const Options& options) {
    ASSIGN_OR_RETURN(std::unique_ptr<storage::LocalStorage> storage,
                     storage::LocalStorage::Open(options.node_id, options.pools));
    std::unique_ptr<App> app(new App(options, std::move(storage)));
    RETURN_IF_ERROR(app->Serve(options));
    return app;
  }

  // Accepts nothing new, finishes what runs, and ends.
  void Stop() {
    server_->StopAccepting();
    if (admin_server_ != nullptr) admin_server_->StopAccepting();
    const absl::Duration deadline = MonotonicNow() + kDrainTimeout;
    const bool drained = storage_->Drain(kDrainTimeout) && node_.Drain(deadline - MonotonicNow()) &&
                         admin_.Drain(deadline - MonotonicNow());
    if (!drained) {
      // A crash at any moment is recovered from, so an end is too.
      log::Warn("operations did not end in time; they are left to the next start");
      ::_exit(0);
    }
    server_->Shutdown(kShutdownTimeout);
    if (admin_server_ != nullptr) admin_server_->Shutdown(kShutdownTimeout);
  }

 private:
  App(const Options& options, std::unique_ptr<storage::LocalStorage> storage)
      : topology_(options.driver_name),
        storage_(std::move(storage)),
        calls_(metrics_),
        identity_({.driver_name = options.driver_name,
                   .version = kVersion,
                   .serves_controller = options.role == Role::kAll,
                   .healthy = [this] { return storage_->CheckHealthy(); }}),
        controller_(*storage_, topology_, options.health),
        group_(*storage_),
        snapshot_metadata_(*storage_),
        node_(*storage_, topology_,
              {.static_prefixes = options.static_paths, .health = options.health}),
        admin_(*storage_, options.driver_name),
        identity_service_(calls_, identity_),
        controller_service_(calls_, controller_),
        group_service_(calls_, group_),
        snapshot_metadata_service_(calls_, snapshot_metadata_),
        node_service_(calls_, node_),
        admin_service_(calls_, admin_) {
    metrics_.AddGauges([this] { return PoolGauges(*storage_); });
    metrics_.AddGauges([this] { return HealthGauges(*storage_); });
  }

  absl::Status Serve(const Options& options) {
    std::vector<grpc::Service*> services = {&identity_service_, &node_service_};
    if (options.role == Role::kAll) {
      services.push_back(&controller_service_);
      services.push_back(&group_service_);
      services.push_back(&snapshot_metadata_service_);
    }
    // Whoever finds the driver serving finds the administrator's commands served as well.
    RETURN_IF_ERROR(ServeAdmin(options));
    ASSIGN_OR_RETURN(server_, rpc::Server::Start(options.socket_path, services));
    if (options.metrics_address.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        http_, rpc::HttpServer::Start(
                   options.metrics_address, metrics_,
                   [path = options.socket_path] { return rpc::ProbeEndpoint(path, kProbeTimeout); },
                   [this] { return storage_->CheckReady(); }));
    return absl::OkStatus();
  }

  // The default socket may be out of reach (a read-only root): volumes don't depend on it.
  absl::Status ServeAdmin(const Options& options) {
    if (options.admin_socket_path.empty()) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<rpc::Server>> server =
        rpc::Server::Start(options.admin_socket_path, {&admin_service_}, rpc::Admission::kRoot);
    if (!server.ok() && options.admin_socket_named) {
      return Annotate(server.status(), "--admin-socket");
    }
    if (server.ok()) {
      admin_server_ = *std::move(server);
    } else {
      log::Warn("the administrator's commands are not served; name a socket with --admin-socket",
                {{"error", server.status().message()}});
    }
    return absl::OkStatus();
  }

  rpc::Metrics metrics_;
  const rpc::Topology topology_;
  const std::unique_ptr<storage::LocalStorage> storage_;
  rpc::Calls calls_;
  identity::IdentityHandler identity_;
  controller::ControllerHandler controller_;
  controller::GroupHandler group_;
  controller::SnapshotMetadataHandler snapshot_metadata_;
  node::NodeHandler node_;
  admin::AdminHandler admin_;
  identity::IdentityService identity_service_;
  controller::ControllerService controller_service_;
  controller::GroupService group_service_;
  controller::SnapshotMetadataService snapshot_metadata_service_;
  node::NodeService node_service_;
  admin::AdminService admin_service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<rpc::Server> admin_server_;  // null when there is none
  std::unique_ptr<rpc::HttpServer> http_;
};

// gRPC's own lines go where ours go.
void LogFromGrpc(gpr_log_func_args* line) {
  const log::Level level =
      line->severity == GPR_LOG_SEVERITY_ERROR ? log::Level::kWarn : log::Level::kDebug;
  const log::Field fields[] = {{"source", "grpc"}};
  log::Write(level, line->message, fields, fields + 1);
}

sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  // Sent to the holder of a lease that somebody breaks (host::IsSoleOpener).
  ::signal(SIGIO, SIG_IGN);
  return signals;
}

int Wait(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

// A second signal ends the process at once.
void ExitOnNextSignal(const sigset_t& signals) {
  std::thread([signals] {
    Wait(signals);
    ::_exit(1);
  }).detach();
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) {
    std::fprintf(stderr, "%s\n", std::string(options.status().message()).c_str());
    return 2;
  }
  // Files that pods are to use are made with the modes that are said; the driver's own are 0600.
  ::umask(0022);
  log::Init(options->log_level, options->log_format);
  gpr_set_log_function(LogFromGrpc);
  // Before the first thread: signal masks and capabilities are each thread's own, and inherited.
  const sigset_t signals = BlockEndSignals();
  if (const absl::Status lowered = host::LowerSysResource(); !lowered.ok()) {
    log::Warn("CAP_SYS_RESOURCE stays effective", {{"error", lowered}});
  }
  log::Info("starting",
            {{"version", kVersion}, {"driver", options->driver_name}, {"node", options->node_id}});
  absl::StatusOr<std::unique_ptr<App>> app = App::Start(*options);
  if (!app.ok()) {
    log::Error("can't start", {{"error", app.status().message()}});
    return 1;
  }
  log::Info("serving", {{"endpoint", options->socket_path}});
  log::Info("stopping", {{"signal", Wait(signals)}});
  ExitOnNextSignal(signals);
  (*app)->Stop();
  app->reset();
  log::Info("stopped");
  return 0;
}

}  // namespace
}  // namespace nodevol

// The driver, or with a word before all flags a command of the administrator.
int main(int argc, char** argv) {
  if (nodevol::host::IsFreezeGuard(argc, argv)) return nodevol::host::RunFreezeGuard(argc, argv);
  if (argc > 1 && argv[1][0] != '-' && argv[1][0] != '\0') {
    return nodevol::admin::RunCommand(argc, argv);
  }
  return nodevol::Main(argc, argv);
}
