// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_INVENTORY_H_
#define NODEVOL_STORAGE_INVENTORY_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "proto/storage.pb.h"
#include "storage/change_feed.h"

namespace nodevol::storage {

// What a node's storage tells to those who keep a copy of what it knows, so that they can answer
// without asking. From memory; thread-safe.
class Inventory {
 public:
  virtual ~Inventory() = default;

  // Every pool of the node, also those that can't be used.
  [[nodiscard]] virtual std::vector<v1::PoolReport> Pools() const = 0;
  // Up to `limit` ids of a pool's objects after `after`, in order, also of damaged ones. None of a
  // pool that is not here.
  [[nodiscard]] virtual std::vector<std::string> ObjectIds(ObjectKind kind,
                                                           absl::string_view pool_uuid,
                                                           absl::string_view after,
                                                           size_t limit) const = 0;
  // One object as it is now. Inline volumes are nobody's matter elsewhere: there are none.
  [[nodiscard]] virtual v1::ObjectState StateOf(ObjectKind kind, absl::string_view id) const = 0;
  // Tells which objects have changed. Of pools it tells only when they were opened anew: their
  // reports are to be compared now and then.
  [[nodiscard]] virtual ChangeFeed& changes() = 0;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_INVENTORY_H_
