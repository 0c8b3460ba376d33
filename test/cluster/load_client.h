// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_LOAD_CLIENT_H_
#define NODEVOL_TEST_CLUSTER_LOAD_CLIENT_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "test/cluster/cluster.h"
#include "test/cluster/model.h"
#include "test/service/observations.h"

namespace nodevol::testing {

// Makes, copies, grows, snapshots and deletes volumes of its own, at random, through whichever
// replica, each call again with the same request until it is answered for good; and keeps count of
// what was acknowledged. What is not answered in a few seconds is taken up again later.
class LoadClient {
 public:
  // `name` begins the names of all that it makes. Both references must outlive the client.
  LoadClient(const Cluster& cluster, Observations& observations, std::string name, unsigned seed);

  // One thing; nothing more once there was an answer that must not be, of which the observations
  // have the complaint.
  void Step();
  // Asks for what is not acknowledged yet until it is.
  absl::Status Settle();
  // Deletes all that was acknowledged to be there. After Settle().
  absl::Status DeleteAll();

  [[nodiscard]] const Model& model() const { return model_; }
  // How many wishes were fulfilled by now. On any thread.
  [[nodiscard]] int acknowledged() const { return acknowledged_; }

 private:
  using Call = std::function<absl::Status(VolumeClient&)>;

  void CreateVolume();
  void CopyVolume();
  void ExpandVolume();
  void DeleteVolume();
  void CreateSnapshot();
  void DeleteSnapshot();
  void TryAgain();

  // Asks for what the wish lacks. Undecided when it was not answered in time.
  absl::Status Fulfil(VolumeWish& wish, absl::Duration patience);
  absl::Status Fulfil(SnapshotWish& wish, absl::Duration patience);
  absl::Status Make(VolumeWish& wish, absl::Duration patience);
  template <typename Wish>
  void Pursue(Wish& wish);
  template <typename Wishes>
  absl::Status SettleAll(Wishes& wishes);
  absl::Status Repeat(absl::Duration patience, const Call& call);

  // One that is there, nullptr when there is none.
  template <typename Wishes>
  auto Pick(Wishes& wishes, Known known) -> typename Wishes::value_type*;
  // From 0 to n - 1.
  size_t Random(size_t n);
  std::string NextName(absl::string_view kind);

  const Cluster& cluster_;
  Observations& observations_;
  const std::string name_;
  std::minstd_rand random_;
  int names_ = 0;
  bool refused_ = false;
  std::atomic<int> acknowledged_ = 0;
  Model model_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_LOAD_CLIENT_H_
