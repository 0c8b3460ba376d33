// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_CLAIM_BOARD_H_
#define NODEVOL_LINK_CLAIM_BOARD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "base/callback.h"

namespace nodevol::link {

// One replica that a node is connected to, as a claim sees it.
class Claimant {
 public:
  virtual ~Claimant() = default;

  // Asks the replica whether this node may make something of the name. `done` is called once: OK
  // also when the stream ends before there is an answer, since then the replica is gone. Returns
  // the number by which the claim is released.
  virtual uint64_t Claim(const std::string& name_hash, StatusCallback done) = 0;
  virtual void Release(uint64_t claim) = 0;
};

// A name that something is being made of. The replicas that know so are told when this is gone.
// Thread-safe.
class ClaimedName {
 public:
  explicit ClaimedName(std::string name_hash) : name_hash_(std::move(name_hash)) {}
  ~ClaimedName();
  ClaimedName(const ClaimedName&) = delete;
  ClaimedName& operator=(const ClaimedName&) = delete;

  // Claims it of one more.
  void ClaimOf(const std::shared_ptr<Claimant>& replica, StatusCallback done);

 private:
  const std::string name_hash_;
  absl::Mutex mutex_;
  std::vector<std::pair<std::weak_ptr<Claimant>, uint64_t>> claims_ ABSL_GUARDED_BY(mutex_);
};
// Kept until what is made of the name is made, or is not.
using ClaimHold = std::shared_ptr<ClaimedName>;

// The replicas that a node is connected to. Replicas know nothing of each other: the node at which
// something is to be made asks all others whether they know its name elsewhere, so that two of them
// that are asked for the same at once do not have it made at two nodes. Thread-safe.
class ClaimBoard {
 public:
  // The replica is told of all that is being made now, before this returns: the node's inventory,
  // which comes after it, does not have that yet.
  void Join(const std::shared_ptr<Claimant>& replica);
  void Leave(const Claimant& replica);

  // Asks all but `asking`, the replica that wants it made. ABORTED, as the replica said it, when
  // one refuses.
  void Claim(const Claimant& asking, const std::string& name_hash, Callback<ClaimHold> done);

 private:
  absl::Mutex mutex_;
  std::vector<std::shared_ptr<Claimant>> replicas_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<ClaimedName>> making_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_CLAIM_BOARD_H_
