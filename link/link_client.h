// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_LINK_CLIENT_H_
#define NODEVOL_LINK_LINK_CLIENT_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "base/periodic_thread.h"
#include "link/claim_board.h"
#include "link/key_pair.h"
#include "link/node_session.h"
#include "rpc/tcp_listener.h"
#include "storage/inventory.h"
#include "storage/node_storage.h"

namespace nodevol::link {

class ClientStream;

// The addresses of a name, as gRPC takes them: "ipv4:10.0.0.1:9443". UNAVAILABLE when it has none.
absl::StatusOr<std::set<std::string>> AddressesOf(const rpc::HostPort& name);

// A node's streams: one to each address that the controller's name has, kept open whatever happens.
// A headless Service has the addresses of all its replicas; they are looked up again and again.
class LinkClient {
 public:
  struct Options {
    rpc::HostPort controller;  // a name or an address
    std::string trust_domain;
    KeyFiles files;
    std::string token_file = {};  // shown instead of a certificate; "" for none
    NodeIdentity identity;
    absl::Duration resolve_interval = absl::Seconds(10);
    std::function<absl::StatusOr<std::set<std::string>>(const rpc::HostPort&)> resolve =
        AddressesOf;
    // Between attempts: doubled each time, up to the longest, and less by a random part of it, so
    // that nodes do not all come back at once.
    absl::Duration shortest_pause = absl::Milliseconds(500);
    absl::Duration longest_pause = absl::Seconds(10);
  };

  // Both references must outlive the client. Whether and when there is a controller is no matter of
  // the start.
  LinkClient(Options options, storage::NodeStorage& storage, storage::Inventory& inventory);
  ~LinkClient();
  LinkClient(const LinkClient&) = delete;
  LinkClient& operator=(const LinkClient&) = delete;

  // To how many replicas the node is connected, of how many that there are. One that has several
  // addresses is known by each until the node is connected to it.
  struct Connections {
    size_t welcomed = 0;
    size_t known = 0;
  };
  [[nodiscard]] Connections connections() const;

 private:
  // What is known of one replica's address.
  struct Replica {
    std::shared_ptr<ClientStream> stream;  // null while there is none
    absl::Duration pause;
    absl::Duration next_attempt = absl::ZeroDuration();  // on the monotonic clock
    absl::Status last_error;
    absl::Duration next_refresh = absl::ZeroDuration();  // on the monotonic clock
    bool withdrawn = false;  // the name does not have the address any more
    std::string controller;  // the process that has welcomed the node there last
  };

  void Resolve();
  void Tend();
  void TendReplica(const std::string& address, Replica& replica)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the node is connected to the same process at another of its addresses: it would end
  // that stream for this one.
  [[nodiscard]] bool IsConnectedElsewhere(const Replica& replica) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void Dial(const std::string& address, Replica& replica) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteEnd(const std::string& address, const absl::Status& why, Replica& replica)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  storage::NodeStorage& storage_;
  storage::Inventory& inventory_;
  ClaimBoard board_;
  absl::Status last_resolved_;  // Resolve's alone

  mutable absl::Mutex mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Replica> replicas_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<PeriodicThread> resolver_;
  std::unique_ptr<PeriodicThread> tender_;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_LINK_CLIENT_H_
