// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SCALE_SIMULATED_NODE_H_
#define NODEVOL_TEST_SCALE_SIMULATED_NODE_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "link/claim_board.h"
#include "link/client_stream.h"
#include "link/key_pair.h"
#include "link/node_session.h"
#include "test/scale/channels.h"
#include "test/support/memory_storage.h"

namespace nodevol::testing {

// A node whose disks are memory, with a name, a certificate, and a stream to one controller: a real
// one, over a connection of its own. What link::LinkClient does with two threads of its own is done
// here by whoever looks after many nodes (fleet.h). Thread-safe.
class SimulatedNode {
 public:
  struct Options {
    std::string name;
    link::KeyPair pair;
    std::string controller;  // as gRPC takes it
    // Between attempts: as link::LinkClient has them.
    absl::Duration shortest_pause;
    absl::Duration longest_pause;
  };
  // The channels must outlive the node.
  SimulatedNode(Options options, Channels& channels);
  // Waits for the end of the stream.
  ~SimulatedNode();
  SimulatedNode(const SimulatedNode&) = delete;
  SimulatedNode& operator=(const SimulatedNode&) = delete;

  [[nodiscard]] const std::string& name() const { return options_.name; }
  MemoryStorage& storage() { return storage_; }
  [[nodiscard]] const MemoryStorage& storage() const { return storage_; }

  // The node comes: it wants to be connected from now on.
  void Open();
  // It goes. Returns the stream that now ends, whose end can be awaited; null when there is none.
  std::shared_ptr<link::ClientStream> Close();

  [[nodiscard]] bool open() const;
  // The controller has welcomed it, and the stream has not ended.
  [[nodiscard]] bool connected() const;
  // How the last stream that ended by itself did; OK while none has.
  [[nodiscard]] absl::Status last_end() const;

  // ---- For who looks after it ----
  enum class State {
    kAway,     // wants no stream
    kPausing,  // is to wait before it dials again
    kDue,      // is to dial
    kDialing,  // is not welcomed yet
    kConnected,
  };
  // One caller at a time. Notes when the stream has ended.
  State Look(absl::BitGen& random);
  // Of a node that is due: from now on it is dialing, and Dial() must be called, on any thread.
  void BeginDial();
  void Dial();

 private:
  const Options options_;
  Channels& channels_;
  const link::NodeIdentity identity_;
  MemoryStorage storage_;
  link::ClaimBoard board_;

  mutable absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  bool dialing_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<link::ClientStream> stream_ ABSL_GUARDED_BY(mutex_);
  absl::Duration pause_ ABSL_GUARDED_BY(mutex_);
  absl::Duration next_attempt_ ABSL_GUARDED_BY(mutex_);  // on the monotonic clock
  absl::Status last_end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SCALE_SIMULATED_NODE_H_
