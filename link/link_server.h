// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_LINK_SERVER_H_
#define NODEVOL_LINK_LINK_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "base/periodic_thread.h"
#include "link/authenticator.h"
#include "link/controller_session.h"
#include "link/key_pair.h"
#include "rpc/accept_loop.h"
#include "rpc/tcp_listener.h"

namespace nodevol::link {

// The port to which nodes connect: TLS 1.3 and nothing else, mutual if nodes are known by their
// certificates. New certificates are taken as soon as they are good, for the connections that come
// then; those that are open go on.
class LinkServer {
 public:
  struct Options {
    rpc::HostPort address;
    KeyFiles files;
    // Names this process in logs.
    std::string controller;
    // How often the files are looked at.
    absl::Duration reload_interval = absl::Seconds(10);
    // How long a stream may live, unless its certificate or token ends before.
    absl::Duration stream_age = absl::Hours(1);
    // How many may wait at once until it is known who they are, and for how long: all nodes come at
    // once when a controller has started.
    size_t max_unknown = 8192;
    absl::Duration longest_unknown = absl::Seconds(30);
  };

  // FAILED_PRECONDITION when the certificates are no good; UNAVAILABLE when the port is taken. Both
  // references must outlive the server.
  static absl::StatusOr<std::unique_ptr<LinkServer>> Start(Options options,
                                                           Authenticator& authenticator,
                                                           NodeDirectory& directory);
  ~LinkServer();
  LinkServer(const LinkServer&) = delete;
  LinkServer& operator=(const LinkServer&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  class Generation;

  LinkServer(Options options, Authenticator& authenticator, NodeDirectory& directory)
      : options_(std::move(options)), authenticator_(authenticator), directory_(directory) {}

  // A gRPC server has its certificates for life: new ones are a new server, behind the same port.
  absl::Status StartGeneration(const KeyPair& pair);
  void Accept(UniqueFd connection);
  void Tend();
  void Reload();

  const Options options_;
  Authenticator& authenticator_;
  NodeDirectory& directory_;
  uint16_t port_ = 0;
  // Tend's alone.
  absl::Duration next_reload_ = absl::ZeroDuration();
  absl::Status last_reload_;
  KeyPair pair_;

  absl::Mutex mutex_;
  // The last one takes connections; the others end with their streams.
  std::vector<std::shared_ptr<Generation>> generations_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<rpc::AcceptLoop> accept_;
  std::unique_ptr<PeriodicThread> thread_;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_LINK_SERVER_H_
