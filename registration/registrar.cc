// SPDX-License-Identifier: Apache-2.0
#include "registration/registrar.h"

#include <fcntl.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/log.h"
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
      service_(options.driver_name, options.endpoint) {}

absl::Status Registrar::Serve() {
  server_.reset();
  ASSIGN_OR_RETURN(server_, rpc::Server::Start(path_, {&service_}));
  return absl::OkStatus();
}

void Registrar::Check() {
  absl::MutexLock lock(&mutex_);
  // Another process's is right too: it is a newer one of this driver.
  if (ErrnoOf(host::InspectPath(path_).status()) != ENOENT) return;
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

}  // namespace nodevol::registration
