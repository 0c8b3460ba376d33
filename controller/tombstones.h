// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_TOMBSTONES_H_
#define NODEVOL_CONTROLLER_TOMBSTONES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "controller/cluster.h"

namespace nodevol::controller {

// An object that counts as deleted, and that its node still has if it ever comes back.
struct Tombstone {
  Deletion object;
  // When the object was made: one of the same id that is made later is another.
  absl::Time made;
  std::string node_id;  // the node that had it, for the log
};

// What nodes are to delete that were gone for good when it was deleted. Ids that are buried here
// are shown to nobody. Nothing is forgotten for want of room: then no more is buried.
//
// In memory only, as all that a controller replica knows: one that is started anew has no
// tombstones, and what they were about is an orphan when its node comes back, listed and not
// deleted. That is the side on which to err.
//
// A value: whoever has it guards it.
class Tombstones {
 public:
  // Some 20 MiB.
  static constexpr size_t kDefaultLimit = 65536;

  // Of ids, members of groups counted too.
  explicit Tombstones(size_t limit = kDefaultLimit) : limit_(limit) {}

  // UNAVAILABLE when there is no room. OK, and nothing changes, when the id is buried already.
  absl::Status Bury(Tombstone tombstone);
  // Also of the members of a group that is.
  [[nodiscard]] bool IsBuried(absl::string_view id) const;
  // The ids that are buried in a pool, in order.
  [[nodiscard]] std::vector<std::string> BuriedIn(absl::string_view pool_uuid) const;
  // UUIDs of the pools in which something is to be deleted, in order.
  [[nodiscard]] std::vector<std::string> Pools() const;

  // Up to `limit` of a pool, to be deleted now; each comes again only when it has failed, and after
  // all others have come once.
  std::vector<Tombstone> Take(absl::string_view pool_uuid, size_t limit);
  // What was taken could not be deleted. Returns whether it failed in another way before, or never.
  bool Failed(absl::string_view id, absl::StatusCode why);
  // It is deleted, or is not to be.
  void Forget(absl::string_view id);

  // Ids that are buried.
  [[nodiscard]] size_t size() const { return tombstones_.size() + members_.size(); }

 private:
  enum class State { kWaits, kTaken, kFailed };
  struct Entry {
    Tombstone tombstone;
    State state = State::kWaits;
    absl::StatusCode last_error = absl::StatusCode::kOk;
  };
  using Entries = absl::btree_map<std::string, Entry>;

  const size_t limit_;
  // By id, which begins with the pool's UUID.
  Entries tombstones_;
  // Of each member of a group that has a tombstone the group's id.
  absl::btree_map<std::string, std::string> members_;
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_TOMBSTONES_H_
