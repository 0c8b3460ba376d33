// SPDX-License-Identifier: Apache-2.0
#include "link/inventory_feed.h"

#include <algorithm>
#include <vector>

#include "base/bytes.h"

namespace nodevol::link {
namespace {

using storage::ObjectKind;

// Of a part: far below what a message may have, whatever the size of records.
constexpr size_t kMaxObjects = 256;
constexpr size_t kMaxBytes = 1 << 20;

bool IsFull(const v1::Inventory& part, size_t bytes) {
  return static_cast<size_t>(part.objects_size()) >= kMaxObjects || bytes >= kMaxBytes;
}

// The kind that is listed after this one; none after the last.
std::optional<ObjectKind> After(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kVolume:
      return ObjectKind::kSnapshot;
    case ObjectKind::kSnapshot:
      return ObjectKind::kGroup;
    case ObjectKind::kGroup:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::shared_ptr<InventoryFeed> InventoryFeed::Create(storage::Inventory& inventory,
                                                     std::function<void()> changed) {
  std::shared_ptr<InventoryFeed> feed(new InventoryFeed(inventory, std::move(changed)));
  // Before the pools are looked at: one that is opened now is listed twice rather than never.
  inventory.changes().Subscribe(feed);
  for (const nodevol::v1::PoolReport& pool : inventory.Pools()) {
    if (!pool.uuid().empty()) feed->OnPool(pool.uuid());
  }
  return feed;
}

void InventoryFeed::OnObject(ObjectKind kind, absl::string_view id) {
  {
    absl::MutexLock lock(&mutex_);
    changed_.emplace(kind, std::string(id));
  }
  on_change_();
}

void InventoryFeed::OnPool(absl::string_view pool_uuid) {
  {
    absl::MutexLock lock(&mutex_);
    const bool waits = std::find(to_list_.begin(), to_list_.end(), pool_uuid) != to_list_.end();
    if (!waits) to_list_.emplace_back(pool_uuid);
  }
  on_change_();
}

bool InventoryFeed::HasChanges() const {
  absl::MutexLock lock(&mutex_);
  return !changed_.empty();
}

std::optional<v1::Inventory> InventoryFeed::TakeNext(bool may_complete) {
  v1::Inventory part;
  // In one part, so that the listing comes to its end also where something changes all the time.
  const size_t bytes = AddChanges(part);
  AddListing(part, bytes, may_complete);
  // After the changes, which they are to include.
  AddPools(part);
  if (part.ByteSizeLong() == 0) return std::nullopt;
  return part;
}

void InventoryFeed::AddPools(v1::Inventory& part) {
  v1::PoolList list;
  for (nodevol::v1::PoolReport& pool : inventory_.Pools()) {
    // What is asked of it is in these units; a file that grows is not told byte by byte.
    pool.set_available_bytes(pool.available_bytes() / kMiB * kMiB);
    *list.add_pools() = std::move(pool);
  }
  std::string now = list.SerializeAsString();
  if (now == last_pools_) return;
  last_pools_ = std::move(now);
  *part.mutable_pools() = std::move(list);
}

std::set<InventoryFeed::Object> InventoryFeed::TakeChanged() {
  std::set<Object> taken;
  absl::MutexLock lock(&mutex_);
  while (!changed_.empty() && taken.size() < kMaxObjects) {
    taken.insert(changed_.extract(changed_.begin()));
  }
  return taken;
}

size_t InventoryFeed::AddChanges(v1::Inventory& part) {
  std::set<Object> changed = TakeChanged();
  size_t bytes = 0;
  while (!changed.empty() && !IsFull(part, bytes)) {
    const Object object = std::move(changed.extract(changed.begin()).value());
    nodevol::v1::ObjectState& state = *part.add_objects();
    state = inventory_.StateOf(object.first, object.second);
    bytes += state.ByteSizeLong();
  }
  if (changed.empty()) return bytes;
  absl::MutexLock lock(&mutex_);
  changed_.merge(changed);
  return bytes;
}

// The pool whose listing goes on, or begins; none when all are listed.
std::optional<std::string> InventoryFeed::NextPool(v1::Inventory& part) {
  absl::MutexLock lock(&mutex_);
  if (cursor_.has_value()) {
    // Opened anew meanwhile: what was listed of it counts no more.
    if (std::find(to_list_.begin(), to_list_.end(), cursor_->pool_uuid) == to_list_.end()) {
      return cursor_->pool_uuid;
    }
    cursor_.reset();
  }
  if (to_list_.empty()) return std::nullopt;
  Cursor start;
  start.pool_uuid = std::move(to_list_.front());
  cursor_ = std::move(start);
  to_list_.pop_front();
  part.set_begin_pool(cursor_->pool_uuid);
  return cursor_->pool_uuid;
}

void InventoryFeed::AddListing(v1::Inventory& part, size_t bytes, bool may_complete) {
  if (IsFull(part, bytes)) return;
  const std::optional<std::string> pool = NextPool(part);
  if (!pool.has_value()) {
    if (!may_complete || complete_) return;
    part.set_complete(true);
    complete_ = true;
    return;
  }
  while (!IsFull(part, bytes)) {
    const size_t room = kMaxObjects - static_cast<size_t>(part.objects_size());
    const std::vector<std::string> ids =
        inventory_.ObjectIds(cursor_->kind, *pool, cursor_->after, room);
    for (const std::string& id : ids) {
      if (IsFull(part, bytes)) return;
      nodevol::v1::ObjectState& state = *part.add_objects();
      state = inventory_.StateOf(cursor_->kind, id);
      bytes += state.ByteSizeLong();
      cursor_->after = id;
    }
    if (ids.size() == room) return;
    const std::optional<ObjectKind> next = After(cursor_->kind);
    if (!next.has_value()) {
      part.set_end_pool(*pool);
      cursor_.reset();
      return;
    }
    cursor_->kind = *next;
    cursor_->after.clear();
  }
}

}  // namespace nodevol::link
