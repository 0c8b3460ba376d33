// SPDX-License-Identifier: Apache-2.0
//
// A node: its pools, the services on its socket, and, unless it is a cluster by itself, its streams
// to controllers.
#include <unistd.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "admin/admin_handler.h"
#include "admin/admin_service.h"
#include "app.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "controller/controller_handler.h"
#include "controller/controller_service.h"
#include "controller/group_handler.h"
#include "controller/group_service.h"
#include "controller/single_node.h"
#include "controller/snapshot_metadata_handler.h"
#include "controller/snapshot_metadata_service.h"
#include "generated_version.h"
#include "identity/identity_handler.h"
#include "identity/identity_service.h"
#include "link/link_client.h"
#include "node/node_handler.h"
#include "node/node_service.h"
#include "registration/registrar.h"
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
constexpr size_t kIncarnationBytes = 16;

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

std::vector<rpc::Gauge> LinkGauges(const link::LinkClient& client) {
  const link::LinkClient::Connections connections = client.connections();
  return {{"nodevol_link_controllers",
           "Addresses that the controllers' name has.",
           {},
           static_cast<double>(connections.known)},
          {"nodevol_link_connected_controllers",
           "Controllers to which the node is connected.",
           {},
           static_cast<double>(connections.welcomed)}};
}

// The parts, in the order in which they need each other.
class NodeApp final : public App {
 public:
  static absl::StatusOr<std::unique_ptr<App>> Start(const Options& options) {
    ASSIGN_OR_RETURN(std::unique_ptr<storage::LocalStorage> storage,
                     storage::LocalStorage::Open(options.node_id, options.pools));
    std::unique_ptr<NodeApp> app(new NodeApp(options, std::move(storage)));
    RETURN_IF_ERROR(app->Serve(options));
    return app;
  }

  void Stop() override {
    // It tells of what ends here.
    http_.reset();
    // Kubelet takes a second to see it; what comes until then is refused and tried again.
    registrar_.reset();
    server_->StopAccepting();
    link_.reset();
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
  NodeApp(const Options& options, std::unique_ptr<storage::LocalStorage> storage)
      : topology_(options.driver_name),
        storage_(std::move(storage)),
        calls_(metrics_),
        identity_({.driver_name = options.driver_name,
                   .version = kVersion,
                   .has_controller = options.role == Role::kAll || options.link.has_value()}),
        cluster_(*storage_),
        controller_(cluster_, topology_, options.health),
        group_(cluster_),
        snapshot_metadata_(cluster_),
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
    if (options.link.has_value()) Connect(options);
    RETURN_IF_ERROR(Register(options));
    return ServeHttp(options);
  }

  absl::Status ServeHttp(const Options& options) {
    if (options.metrics_address.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        http_, rpc::HttpServer::Start(
                   options.metrics_address, metrics_,
                   [path = options.socket_path] { return rpc::ProbeEndpoint(path, kProbeTimeout); },
                   [this] { return storage_->CheckReady(); }));
    return absl::OkStatus();
  }

  // Whether there is a controller, and when, is no matter of the node's start.
  void Connect(const Options& options) {
    const csi::v1::Topology segment = topology_.SegmentOf(options.node_id);
    link_ = std::make_unique<link::LinkClient>(
        link::LinkClient::Options{
            .controller = options.link->address,
            .trust_domain = options.link->trust_domain,
            .files = options.link->files,
            .token_file = options.link->token_file,
            .identity = {options.node_id,
                         {segment.segments().begin(), segment.segments().end()},
                         kVersion,
                         RandomHex(kIncarnationBytes)}},
        *storage_, *storage_);
    metrics_.AddGauges([this] { return LinkGauges(*link_); });
  }

  absl::Status Register(const Options& options) {
    if (options.registration_dir.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(registrar_,
                     registration::Registrar::Start({.directory = options.registration_dir,
                                                     .driver_name = options.driver_name,
                                                     .endpoint = options.registration_endpoint}));
    metrics_.AddGauges([this] {
      return std::vector<rpc::Gauge>{{"nodevol_kubelet_registered",
                                      "1 when kubelet has registered the driver.",
                                      {},
                                      registrar_->registered() ? 1.0 : 0.0}};
    });
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
  controller::SingleNode cluster_;
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
  std::unique_ptr<link::LinkClient> link_;     // null without a controller
  // Null when somebody else registers the driver, or nobody.
  std::unique_ptr<registration::Registrar> registrar_;
  std::unique_ptr<rpc::HttpServer> http_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<App>> StartNode(const Options& options) {
  return NodeApp::Start(options);
}

}  // namespace nodevol
