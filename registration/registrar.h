// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_REGISTRATION_REGISTRAR_H_
#define NODEVOL_REGISTRATION_REGISTRAR_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "base/periodic_thread.h"
#include "registration/registration_service.h"
#include "rpc/server.h"

namespace nodevol::registration {

// Registers the driver with the kubelet of its node, as node-driver-registrar does: by a socket in
// a directory that kubelet watches. While that is there the driver is in the node's CSINode object;
// kubelet finds it again when it is restarted, and takes a socket that has been exchanged for a
// driver that was.
class Registrar {
 public:
  struct Options {
    std::string directory;  // kubelet's plugins_registry
    std::string driver_name;
    std::string endpoint;  // of the CSI socket, as kubelet sees it
    absl::Duration check_interval = absl::Seconds(5);
    // How long after a refusal the socket is exchanged, so that kubelet takes it for a new one.
    // Since Kubernetes 1.36 kubelet asks again by itself, after two minutes at most; before, it
    // never does.
    absl::Duration offer_again_after = absl::Minutes(3);
  };
  // When the CSI socket is served. FAILED_PRECONDITION when the directory isn't there: to make one
  // that kubelet does not watch would register nothing.
  static absl::StatusOr<std::unique_ptr<Registrar>> Start(const Options& options);
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  // Whether kubelet said last that the driver is registered.
  [[nodiscard]] bool registered() const { return service_.registered(); }

 private:
  explicit Registrar(const Options& options);

  absl::Status Serve() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts the socket back where somebody has removed it: who empties kubelet's directory, say. And
  // offers it anew where kubelet has refused it.
  void Check();
  void PutBack() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OfferAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string directory_;
  const std::string path_;
  const absl::Duration offer_again_after_;
  RegistrationService service_;
  absl::Mutex mutex_;
  std::unique_ptr<rpc::Server> server_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<PeriodicThread> checker_;  // the last: it uses what is above
};

}  // namespace nodevol::registration

#endif  // NODEVOL_REGISTRATION_REGISTRAR_H_
