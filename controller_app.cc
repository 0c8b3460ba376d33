// SPDX-License-Identifier: Apache-2.0
//
// A controller replica: the nodes that connect to it, and the services on its socket.
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "app.h"
#include "base/log.h"
#include "base/periodic_thread.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "controller/controller_handler.h"
#include "controller/controller_service.h"
#include "controller/group_handler.h"
#include "controller/group_service.h"
#include "controller/node_registry.h"
#include "controller/snapshot_metadata_handler.h"
#include "controller/snapshot_metadata_service.h"
#include "controller/startup_taints.h"
#include "generated_version.h"
#include "host/descriptor_limit.h"
#include "identity/identity_handler.h"
#include "identity/identity_service.h"
#include "kubernetes/api_client.h"
#include "kubernetes/node_list.h"
#include "kubernetes/startup_taint.h"
#include "kubernetes/token_review.h"
#include "link/authenticator.h"
#include "link/link_server.h"
#include "link/token_authenticator.h"
#include "rpc/calls.h"
#include "rpc/http_server.h"
#include "rpc/metrics.h"
#include "rpc/server.h"
#include "rpc/topology.h"

namespace nodevol {
namespace {

constexpr absl::Duration kShutdownTimeout = absl::Seconds(10);
constexpr absl::Duration kProbeTimeout = absl::Seconds(5);
constexpr absl::Duration kTendInterval = absl::Seconds(10);
constexpr absl::Duration kNodeObjectsInterval = absl::Seconds(10);
constexpr size_t kNameBytes = 4;
// Each node that is connected has a descriptor: for as many nodes as a large cluster has, and for
// the sidecars and the process itself.
constexpr uint64_t kDescriptorsWanted = 5000 + 256;

// Without them nodes wait until others have gone; that may well be meant.
void AllowDescriptors() {
  const absl::StatusOr<uint64_t> allowed = host::RaiseDescriptorLimit();
  if (!allowed.ok()) {
    log::Warn("the limit of descriptors stays as it is", {{"error", allowed.status()}});
  } else if (*allowed < kDescriptorsWanted) {
    log::Warn(
        "more nodes than there are descriptors can't be connected; raise the hard limit "
        "(LimitNOFILE=, ulimit -Hn) where there are more",
        {{"descriptors", *allowed}, {"enough", kDescriptorsWanted}});
  }
}

std::vector<rpc::Gauge> NodeGauges(const controller::NodeRegistry& registry) {
  const controller::NodeRegistry::Counts counts = registry.counts();
  return {{"nodevol_controller_nodes",
           "Nodes that have connected since the start.",
           {},
           static_cast<double>(counts.known)},
          {"nodevol_controller_connected_nodes",
           "Nodes that are connected now.",
           {},
           static_cast<double>(counts.connected)},
          {"nodevol_controller_buried_objects",
           "Deleted objects of which their nodes, which were gone, do not know yet.",
           {},
           static_cast<double>(counts.buried)}};
}

std::unique_ptr<kubernetes::ApiClient> ApiServerOf(const Options& options) {
  if (!options.api_server.has_value()) return nullptr;
  return std::make_unique<kubernetes::ApiClient>(*options.api_server);
}

std::unique_ptr<kubernetes::TokenReviewer> ReviewerOf(const Options& options,
                                                      kubernetes::ApiClient* api) {
  if (!options.link->tokens.has_value()) return nullptr;
  return std::make_unique<kubernetes::ApiTokenReviewer>(
      *api, kubernetes::ApiTokenReviewer::Options{.service_account =
                                                      options.link->tokens->service_account});
}

std::unique_ptr<link::Authenticator> AuthenticatorOf(const Options& options,
                                                     kubernetes::TokenReviewer* reviewer) {
  if (reviewer == nullptr) {
    return std::make_unique<link::CertificateAuthenticator>(options.link->trust_domain);
  }
  return std::make_unique<link::TokenAuthenticator>(*reviewer, options.link->tokens->audience);
}

// The parts, in the order in which they need each other.
class ControllerApp final : public App {
 public:
  static absl::StatusOr<std::unique_ptr<App>> Start(const Options& options) {
    std::unique_ptr<ControllerApp> app(new ControllerApp(options));
    RETURN_IF_ERROR(app->Serve(options));
    return app;
  }

  void Stop() override {
    http_.reset();
    server_->StopAccepting();
    server_->Shutdown(kShutdownTimeout);
    if (api_ != nullptr) api_->Stop();
    node_watch_.reset();
    taint_watch_.reset();
    tender_.reset();
    link_.reset();
  }

 private:
  explicit ControllerApp(const Options& options)
      : registry_({.topology = rpc::Topology(options.driver_name),
                   .forget_node_after = options.forget_node_after}),
        api_(ApiServerOf(options)),
        reviewer_(ReviewerOf(options, api_.get())),
        authenticator_(AuthenticatorOf(options, reviewer_.get())),
        calls_(metrics_),
        identity_(
            {.driver_name = options.driver_name, .version = kVersion, .has_controller = true}),
        controller_(registry_, rpc::Topology(options.driver_name), options.health),
        group_(registry_),
        snapshot_metadata_(registry_),
        identity_service_(calls_, identity_),
        controller_service_(calls_, controller_),
        group_service_(calls_, group_),
        snapshot_metadata_service_(calls_, snapshot_metadata_) {
    metrics_.AddGauges([this] { return NodeGauges(registry_); });
  }

  absl::Status Serve(const Options& options) {
    // Nodes need some time to come: they can while nobody asks yet.
    ASSIGN_OR_RETURN(link_, link::LinkServer::Start({.address = options.link->address,
                                                     .files = options.link->files,
                                                     .controller = RandomHex(kNameBytes)},
                                                    *authenticator_, registry_));
    tender_ =
        std::make_unique<PeriodicThread>("nodes-tend", kTendInterval, [this] { registry_.Tend(); });
    if (api_ != nullptr) node_objects_.emplace(*api_);
    if (options.forget_node_after < absl::InfiniteDuration()) WatchNodeObjects();
    if (!options.startup_taint.empty()) WatchTaints(options);
    ASSIGN_OR_RETURN(server_, rpc::Server::Start(options.socket_path,
                                                 {&identity_service_, &controller_service_,
                                                  &group_service_, &snapshot_metadata_service_}));
    if (options.metrics_address.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        http_, rpc::HttpServer::Start(
                   options.metrics_address, metrics_,
                   [path = options.socket_path] { return rpc::ProbeEndpoint(path, kProbeTimeout); },
                   [] { return absl::OkStatus(); }));
    return absl::OkStatus();
  }

  void WatchNodeObjects() {
    node_watch_ = std::make_unique<PeriodicThread>("node-objects", kNodeObjectsInterval, [this] {
      Report("can't find out which nodes there are; meanwhile none is taken for gone",
             registry_.LookAtNodeObjects(*node_objects_), last_looked_);
    });
  }

  void WatchTaints(const Options& options) {
    taint_.emplace(*api_, options.driver_name, options.startup_taint);
    taints_.emplace(*node_objects_, *taint_);
    taint_watch_ = std::make_unique<PeriodicThread>("startup-taints", kNodeObjectsInterval, [this] {
      Report("can't take the start-up taint off nodes; pods wait for that", taints_->Tend(),
             last_tended_);
    });
  }

  // Logs an error that is not the same as the last time.
  static void Report(absl::string_view what, const absl::Status& status, absl::Status& last) {
    if (!status.ok() && status != last && !absl::IsCancelled(status)) {
      log::Warn(what, {{"error", status}});
    }
    last = status;
  }

  rpc::Metrics metrics_;
  controller::NodeRegistry registry_;
  const std::unique_ptr<kubernetes::ApiClient> api_;           // null where there is none
  const std::unique_ptr<kubernetes::TokenReviewer> reviewer_;  // null without tokens
  const std::unique_ptr<link::Authenticator> authenticator_;
  rpc::Calls calls_;
  identity::IdentityHandler identity_;
  controller::ControllerHandler controller_;
  controller::GroupHandler group_;
  controller::SnapshotMetadataHandler snapshot_metadata_;
  identity::IdentityService identity_service_;
  controller::ControllerService controller_service_;
  controller::GroupService group_service_;
  controller::SnapshotMetadataService snapshot_metadata_service_;
  std::unique_ptr<link::LinkServer> link_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<rpc::HttpServer> http_;
  std::unique_ptr<PeriodicThread> tender_;
  std::optional<kubernetes::ApiNodeObjects> node_objects_;  // none without an API server
  absl::Status last_looked_;                                // the thread's alone
  std::unique_ptr<PeriodicThread> node_watch_;  // null when no node is ever taken for gone
  // None when no taint is to be taken off.
  std::optional<kubernetes::ApiStartupTaint> taint_;
  std::optional<controller::StartupTaints> taints_;  // the thread's alone, as the next
  absl::Status last_tended_;
  std::unique_ptr<PeriodicThread> taint_watch_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<App>> StartController(const Options& options) {
  AllowDescriptors();
  return ControllerApp::Start(options);
}

}  // namespace nodevol
