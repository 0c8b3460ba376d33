// SPDX-License-Identifier: Apache-2.0
#include "registration/registrar.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/file.h"

namespace nodevol::registration {

namespace {

absl::Status CheckDirectory(const std::string& directory) {
  const absl::Status there = host::OpenPath(directory, O_RDONLY | O_DIRECTORY).status();
  if (there.ok()) return there;
  return absl::FailedPreconditionError(
      absl::StrCat("--registration-dir: ", directory,
                   " must be kubelet's plugins_registry, mounted into the pod: ", there.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Registrar>> Registrar::Start(const Options& options) {
  RETURN_IF_ERROR(CheckDirectory(options.directory));
  std::unique_ptr<Registrar> registrar(new Registrar(options));
  {
    absl::MutexLock lock(&registrar->mutex_);
    RETURN_IF_ERROR(registrar->Serve());
  }
  registrar->checker_ = std::make_unique<PeriodicThread>(
      "registration", options.check_interval, [self = registrar.get()] { self->Check(); });
  return registrar;
}

Registrar::Registrar(const Options& options)
    : directory_(options.directory),
      path_(absl::StrCat(options.directory, "/", options.driver_name, "-reg.sock")),
      offer_again_after_(options.offer_again_after),
      service_(options.driver_name, options.endpoint) {}

absl::Status Registrar::Serve() {
  server_.reset();
  ASSIGN_OR_RETURN(server_, rpc::Server::Start(path_, {&service_}));
  return absl::OkStatus();
}

void Registrar::Check() {
  absl::MutexLock lock(&mutex_);
  if (ErrnoOf(host::InspectPath(path_).status()) == ENOENT) {
    PutBack();
    return;
  }
  // Another process's is right too: it is a newer one of this driver.
  if (server_ == nullptr || !server_->IsAtPath()) return;
  const std::optional<absl::Duration> refused_at = service_.refused_at();
  if (refused_at.has_value() && MonotonicNow() - *refused_at >= offer_again_after_) OfferAgain();
}

void Registrar::PutBack() {
  service_.Forget();
  absl::Status served = CheckDirectory(directory_);
  if (served.ok()) served = Serve();
  if (served == last_error_ && !served.ok()) return;
  last_error_ = served;
  if (served.ok()) {
    log::Warn("the socket for kubelet's registration was removed; it is there again",
              {{"path", path_}});
  } else {
    log::Error("the socket for kubelet's registration was removed, and can't be put back",
               {{"path", path_}, {"error", served}});
  }
}

void Registrar::OfferAgain() {
  log::Warn("kubelet has refused the driver; it is offered anew", {{"path", path_}});
  service_.Forget();
  last_error_ = Serve();
  if (!last_error_.ok()) {  // it is put back at the next check
    log::Error("the socket for kubelet's registration can't be exchanged",
               {{"path", path_}, {"error", last_error_}});
  }
}

}  // namespace nodevol::registration
