// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_NAME_CLAIMS_H_
#define NODEVOL_CONTROLLER_NAME_CLAIMS_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "controller/cluster.h"

namespace nodevol::controller {

// At which node something is being made of a name: at this replica's command, or at another's, of
// which the node tells. Of each name at one node at a time; there the node itself has one operation
// on it at a time.
//
// When a node's stream ends in the middle of that, nobody knows what came of it: the name is in
// doubt at that node, and made nowhere else, until the node has opened another stream and told all
// that it has. It tells first what it is still making (ClaimBoard), so that this is the whole
// truth.
//
// Thread-safe. A node takes room for a limited number of names; none is forgotten for want of room.
class NameClaims : public std::enable_shared_from_this<NameClaims> {
 public:
  // More than a node has work for and replicas ask it to claim.
  static constexpr size_t kDefaultNamesPerNode = 16384;

  explicit NameClaims(size_t names_per_node = kDefaultNamesPerNode)
      : names_per_node_(names_per_node) {}

  // For this replica. ABORTED while it holds the name already, or it is claimed at another node;
  // UNAVAILABLE while it is in doubt at another, or when the node has too many names.
  absl::StatusOr<std::shared_ptr<NameHold>> Hold(const std::string& name_hash,
                                                 const std::string& node_id,
                                                 const std::string& name);
  // For another replica, whom the node asks for. ABORTED while it is claimed, or held, at another;
  // UNAVAILABLE as above.
  absl::Status Claim(const std::string& name_hash, const std::string& node_id);
  void Release(const std::string& name_hash, const std::string& node_id);
  // Instead of the release: it won't come any more, since the stream has ended.
  void Lose(const std::string& name_hash, const std::string& node_id);

  // ABORTED while something is being made of the name at any node; UNAVAILABLE while it is in
  // doubt.
  [[nodiscard]] absl::Status CheckFree(const std::string& name_hash, absl::string_view name) const;

  // What the node's streams do, in their order: one begins, it has told all that the node has, it
  // has ended.
  void Came(const std::string& node_id);
  void Told(const std::string& node_id);
  void Left(const std::string& node_id);
  // The node is known to be gone for good, and with it what may have been made there.
  void Forget(const std::string& node_id) { Told(node_id); }

 private:
  class HoldOfName;
  struct Claimed {
    std::string node_id;
    bool held = false;
    int count = 0;  // the hold among them
    bool in_doubt = false;
  };
  struct Node {
    bool connected = false;
    // The last stream has told all; what is in doubt came after that.
    bool told = false;
    size_t names = 0;
    absl::flat_hash_set<std::string> in_doubt;
  };
  using Entry = absl::flat_hash_map<std::string, Claimed>::iterator;

  // The name's entry, to claim it at the node.
  absl::StatusOr<Claimed*> Enter(const std::string& name_hash, const std::string& node_id,
                                 absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Why the name can't be had now.
  [[nodiscard]] absl::Status Taken(const Claimed& claim, absl::string_view name) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Of those who hold and have claimed the name.
  void EndOne(Entry entry, bool outcome_is_known) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndHold(const std::string& name_hash, bool outcome_is_known);
  void EndClaim(const std::string& name_hash, const std::string& node_id, bool outcome_is_known);
  void EraseIfIdle(Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t names_per_node_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Claimed> claimed_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Node> nodes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_NAME_CLAIMS_H_
