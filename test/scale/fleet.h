// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SCALE_FLEET_H_
#define NODEVOL_TEST_SCALE_FLEET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "base/executor.h"
#include "base/periodic_thread.h"
#include "link/link_client.h"
#include "test/scale/authority.h"
#include "test/scale/channels.h"
#include "test/scale/simulated_node.h"
#include "test/scale/volume_list.h"

namespace nodevol::testing {

// Many simulated nodes in this process: each with its own name, pool, certificate, connection and
// stream, none with a thread of its own. Those that are open are kept connected to one controller,
// whatever happens, as link::LinkClient does it. Thread-safe.
class Fleet {
 public:
  struct Options {
    size_t nodes = 0;
    size_t volumes_per_node = 0;  // put there beforehand
    std::string controller;       // as gRPC takes it: "ipv4:127.0.0.1:9443"
    // How many may be connecting at once. Real nodes have processors of their own, and all come
    // together; these share a few with each other and with the controller, and would keep each
    // other from being in time.
    size_t dials_at_once = 256;
    absl::Duration shortest_pause = link::LinkClient::Options().shortest_pause;
    absl::Duration longest_pause = link::LinkClient::Options().longest_pause;
  };

  // Makes the nodes; they are away. FAILED_PRECONDITION when this process may not have that many
  // connections.
  static absl::StatusOr<std::unique_ptr<Fleet>> Make(Options options, const Authority& authority);
  // All nodes go.
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  [[nodiscard]] size_t size() const { return nodes_.size(); }
  SimulatedNode& node(size_t index) { return *nodes_[index]; }
  // Of what a node has from the beginning; no two are the same.
  static std::string VolumeName(size_t node, size_t index);

  // Nodes from `first` on come, or go; Close() returns when their streams have ended.
  void Open(size_t first, size_t count);
  void Close(size_t first, size_t count);
  void OpenAll() { Open(0, size()); }

  // How many are open, and how many of them the controller has welcomed.
  [[nodiscard]] size_t open() const;
  [[nodiscard]] size_t connected() const;
  // Why one of those that are open and not connected is not, with its name; OK when none is known.
  [[nodiscard]] absl::Status Trouble() const;

  // What a controller that knows all should say: the room at open nodes, and the volumes of all.
  [[nodiscard]] int64_t AvailableBytes() const;
  [[nodiscard]] VolumeList Volumes() const;

 private:
  explicit Fleet(Options options) : options_(std::move(options)) {}

  absl::Status AddNodes(const Authority& authority);
  absl::StatusOr<std::unique_ptr<SimulatedNode>> MakeNode(size_t index, const Authority& authority);
  void Start();
  void Tend();
  void Dial(SimulatedNode& node);

  const Options options_;
  absl::BitGen random_;  // Tend's alone
  Channels channels_;
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;
  std::unique_ptr<Executor> dialers_;
  std::unique_ptr<PeriodicThread> tender_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SCALE_FLEET_H_
