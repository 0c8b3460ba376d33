// SPDX-License-Identifier: Apache-2.0
#include "link/link_server.h"

#include <utility>

#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "link/limits.h"
#include "link/link_service.h"

namespace nodevol::link {
namespace {

constexpr absl::Duration kTendInterval = absl::Milliseconds(100);
// Older ones are ended, with streams that have long outlived their certificates.
constexpr size_t kMaxGenerations = 4;

}  // namespace

class LinkServer::Generation {
 public:
  Generation(const Options& options, Authenticator& authenticator, NodeDirectory& directory)
      : service_({.controller = options.controller,
                  .stream_age = options.stream_age,
                  .max_unknown = options.max_unknown,
                  .longest_unknown = options.longest_unknown},
                 authenticator, directory),
        of_clients_(authenticator.client_certificate()) {}
  ~Generation() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  absl::Status Start(const KeyPair& pair) {
    grpc::ServerBuilder builder;
    SetLimits(builder);
    builder.RegisterService(&service_);
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        ServerCredentialsOf(pair, of_clients_));
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::InternalError("the link's gRPC server did not start");
    return absl::OkStatus();
  }
  void Accept(UniqueFd connection) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.listener_fd = -1;
    parameters.fd = connection.release();
    acceptor_->HandleNewConnection(&parameters);
  }
  LinkService& service() { return service_; }

 private:
  LinkService service_;
  const ClientCertificate of_clients_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<std::unique_ptr<LinkServer>> LinkServer::Start(Options options,
                                                              Authenticator& authenticator,
                                                              NodeDirectory& directory) {
  std::unique_ptr<LinkServer> server(new LinkServer(std::move(options), authenticator, directory));
  LinkServer* const self = server.get();
  ASSIGN_OR_RETURN(self->pair_, LoadKeyPair(self->options_.files));
  RETURN_IF_ERROR(self->StartGeneration(self->pair_));
  ASSIGN_OR_RETURN(self->accept_, rpc::ListenTcp(self->options_.address, "link-accept"));
  ASSIGN_OR_RETURN(self->port_, rpc::PortOf(self->accept_->socket()));
  self->accept_->Start([self](UniqueFd connection) { self->Accept(std::move(connection)); });
  self->thread_ =
      std::make_unique<PeriodicThread>("link-tend", kTendInterval, [self] { self->Tend(); });
  return server;
}

LinkServer::~LinkServer() {
  if (accept_ != nullptr) accept_->Stop();
  thread_.reset();
}

absl::Status LinkServer::StartGeneration(const KeyPair& pair) {
  auto generation = std::make_shared<Generation>(options_, authenticator_, directory_);
  RETURN_IF_ERROR(generation->Start(pair));
  std::shared_ptr<Generation> oldest;  // its end takes a while, and no lock
  absl::MutexLock lock(&mutex_);
  // Whose CA is trusted no more begins nothing on a connection that is open.
  for (const std::shared_ptr<Generation>& earlier : generations_) earlier->service().Retire();
  generations_.push_back(std::move(generation));
  if (generations_.size() > kMaxGenerations) {
    oldest = std::move(generations_.front());
    generations_.erase(generations_.begin());
  }
  return absl::OkStatus();
}

void LinkServer::Accept(UniqueFd connection) {
  std::shared_ptr<Generation> newest;
  {
    absl::MutexLock lock(&mutex_);
    newest = generations_.back();
  }
  newest->Accept(std::move(connection));
}

void LinkServer::Tend() {
  std::vector<std::shared_ptr<Generation>> generations;
  {
    absl::MutexLock lock(&mutex_);
    generations = generations_;
  }
  for (const std::shared_ptr<Generation>& generation : generations) generation->service().Tend();
  const absl::Duration now = MonotonicNow();
  if (now < next_reload_) return;
  next_reload_ = now + options_.reload_interval;
  Reload();
}

void LinkServer::Reload() {
  const absl::StatusOr<KeyPair> pair = LoadKeyPair(options_.files);
  if (!pair.ok() && pair.status() != last_reload_) {
    log::Error("the link's certificates are no good; those that were loaded before stay in use",
               {{"error", pair.status().message()}});
  }
  last_reload_ = pair.status();
  if (!pair.ok() || *pair == pair_) return;
  if (const absl::Status started = StartGeneration(*pair); !started.ok()) {
    log::Error("new certificates for the link can't be used", {{"error", started.message()}});
    return;
  }
  pair_ = *pair;
  log::Info("new certificates for the link are in use",
            {{"until", absl::FormatTime(pair_.not_after, absl::UTCTimeZone())}});
}

}  // namespace nodevol::link
