// SPDX-License-Identifier: Apache-2.0
#include "controller/tombstones.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "storage/ids.h"

namespace nodevol::controller {
namespace {

// Before all ids of the pool, and after them: ids go on with a dot.
std::string Begin(absl::string_view pool_uuid) { return absl::StrCat(pool_uuid, "."); }
std::string End(absl::string_view pool_uuid) { return absl::StrCat(pool_uuid, "/"); }

}  // namespace

absl::Status Tombstones::Bury(Tombstone tombstone) {
  if (IsBuried(tombstone.object.id)) return absl::OkStatus();
  if (size() + 1 + tombstone.object.members.size() > limit_) {
    return absl::UnavailableError(absl::StrCat(
        tombstone.object.id, " is on node ", tombstone.node_id, ", which is gone; ", size(),
        " deleted objects of such nodes are remembered, in case that they come back, and no more "
        "can "
        "be. Restart this controller to forget them: what comes back then is kept as orphans"));
  }
  for (const std::string& member : tombstone.object.members) {
    members_[member] = tombstone.object.id;
  }
  std::string id = tombstone.object.id;
  tombstones_.emplace(std::move(id), Entry{std::move(tombstone)});
  return absl::OkStatus();
}

bool Tombstones::IsBuried(absl::string_view id) const {
  return tombstones_.contains(id) || members_.contains(id);
}

std::vector<std::string> Tombstones::BuriedIn(absl::string_view pool_uuid) const {
  std::vector<std::string> ids;
  const auto collect = [&](const auto& map) {
    const auto end = map.lower_bound(End(pool_uuid));
    for (auto next = map.lower_bound(Begin(pool_uuid)); next != end; ++next) {
      ids.push_back(next->first);
    }
  };
  collect(tombstones_);
  collect(members_);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<std::string> Tombstones::Pools() const {
  std::vector<std::string> pools;
  for (auto next = tombstones_.begin(); next != tombstones_.end();
       next = tombstones_.lower_bound(End(pools.back()))) {
    pools.push_back(next->first.substr(0, storage::kUuidCharacters));
  }
  return pools;
}

std::vector<Tombstone> Tombstones::Take(absl::string_view pool_uuid, size_t limit) {
  std::vector<Tombstone> taken;
  const auto begin = tombstones_.lower_bound(Begin(pool_uuid));
  const auto end = tombstones_.lower_bound(End(pool_uuid));
  for (auto next = begin; next != end && taken.size() < limit; ++next) {
    if (next->second.state != State::kWaits) continue;
    next->second.state = State::kTaken;
    taken.push_back(next->second.tombstone);
  }
  if (!taken.empty()) return taken;
  // All have had their turn: those that failed have the next.
  for (auto next = begin; next != end; ++next) {
    if (next->second.state == State::kFailed) next->second.state = State::kWaits;
  }
  return taken;
}

bool Tombstones::Failed(absl::string_view id, absl::StatusCode why) {
  const auto found = tombstones_.find(id);
  if (found == tombstones_.end()) return false;
  found->second.state = State::kFailed;
  return std::exchange(found->second.last_error, why) != why;
}

void Tombstones::Forget(absl::string_view id) {
  const auto found = tombstones_.find(id);
  if (found == tombstones_.end()) return;
  for (const std::string& member : found->second.tombstone.object.members) members_.erase(member);
  tombstones_.erase(found);
}

}  // namespace nodevol::controller
