// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BENCH_ROUND_H_
#define NODEVOL_BENCH_ROUND_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "bench/load.h"
#include "bench/stand.h"
#include "test/client/ground.h"
#include "test/client/volume_client.h"

namespace nodevol::bench {

// The operations, as the tables call them.
inline constexpr char kFloor[] = "floor";
// A create's system calls without the driver, where they are measured.
inline constexpr char kBareCalls[] = "bare calls";
inline constexpr char kCreate[] = "create";
inline constexpr char kStage[] = "stage";
inline constexpr char kPublish[] = "publish";
inline constexpr char kStageAndPublish[] = "stage + publish";
inline constexpr char kSnapshot[] = "snapshot";
inline constexpr char kUnpublish[] = "unpublish";
inline constexpr char kUnpublishAndUnstage[] = "unpublish + unstage";
inline constexpr char kDelete[] = "delete";
inline constexpr char kDeleteSnapshot[] = "delete snapshot";

struct MeasuredPhase {
  std::string operation;
  Phase phase;
};

// A number of clients, each with a connection of its own.
using Clients = std::vector<std::unique_ptr<testing::VolumeClient>>;
Clients ConnectClients(const std::string& socket_path, const testing::VolumeClass& volume_class,
                       int count);

// Where a CO stages and publishes some volumes: directories that last as long as the object.
class Places {
 public:
  explicit Places(int count);
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;
  ~Places();
  [[nodiscard]] std::string Staging(int index) const;
  [[nodiscard]] std::string Target(int index) const;

 private:
  const int count_;
  const std::string root_;
};

struct RoundOptions {
  const testing::Ground& kind;
  int volumes = 0;
  // Names of this round's volumes begin with it: no name is used twice.
  std::string prefix;
  bool live_snapshots = true;
  bool bare_subvolumes = false;
};

// The machine's floor, then the whole life of some volumes, an operation at a time, all clients at
// it. Nothing of it is left. In the order in which it was done.
absl::StatusOr<std::vector<MeasuredPhase>> RunRound(Stand& stand, const Clients& clients,
                                                    const RoundOptions& options);

}  // namespace nodevol::bench

#endif  // NODEVOL_BENCH_ROUND_H_
