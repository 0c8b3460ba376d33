// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_INVENTORY_FEED_H_
#define NODEVOL_LINK_INVENTORY_FEED_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "proto/link.pb.h"
#include "storage/inventory.h"

namespace nodevol::link {

// What one controller replica is to be told of a node's storage, in parts: first all of it, then
// each change. Objects that change often, or faster than the replica listens, are told once, as
// they are then: what is kept for a slow replica are ids.
class InventoryFeed final : public storage::ChangeListener {
 public:
  // `changed` is called when there is more to tell. The inventory must outlive the feed.
  static std::shared_ptr<InventoryFeed> Create(storage::Inventory& inventory,
                                               std::function<void()> changed);

  // The next part; none while all is told. That it is complete is said only when it may be. One
  // call at a time.
  std::optional<v1::Inventory> TakeNext(bool may_complete);
  // True while an object has changed and that has not been told. What changed before a call of this
  // that returned false has been taken.
  [[nodiscard]] bool HasChanges() const;

  void OnObject(storage::ObjectKind kind, absl::string_view id) override;
  void OnPool(absl::string_view pool_uuid) override;

 private:
  InventoryFeed(storage::Inventory& inventory, std::function<void()> changed)
      : inventory_(inventory), on_change_(std::move(changed)) {}

  using Object = std::pair<storage::ObjectKind, std::string>;
  // How far the listing of the first of `to_list_` has come.
  struct Cursor {
    std::string pool_uuid;
    storage::ObjectKind kind = storage::ObjectKind::kVolume;
    std::string after;
  };

  void AddPools(v1::Inventory& part);
  // Returns how many bytes it has added.
  size_t AddChanges(v1::Inventory& part);
  // In the room that is left when the part has `bytes`.
  void AddListing(v1::Inventory& part, size_t bytes, bool may_complete);
  [[nodiscard]] std::set<Object> TakeChanged();
  [[nodiscard]] std::optional<std::string> NextPool(v1::Inventory& part);

  storage::Inventory& inventory_;
  const std::function<void()> on_change_;
  // TakeNext's alone.
  std::string last_pools_;
  std::optional<Cursor> cursor_;
  bool complete_ = false;

  mutable absl::Mutex mutex_;
  std::set<Object> changed_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> to_list_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_INVENTORY_FEED_H_
