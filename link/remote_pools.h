// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_REMOTE_POOLS_H_
#define NODEVOL_LINK_REMOTE_POOLS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

#include "proto/link.pb.h"
#include "storage/catalog.h"
#include "storage/node_storage.h"
#include "storage/volume_spec.h"

namespace nodevol::link {

class NodeConnection;

// A pool of another node: what it told last.
struct RemotePool {
  nodevol::v1::PoolReport report;
  // Null until its objects were listed once.
  std::shared_ptr<const storage::Catalog> catalog;

  // What is wrong with the pool itself.
  [[nodiscard]] std::vector<storage::HealthCondition> Conditions() const;
};

// A controller's copy of what a node told of its pools. It goes on answering while the node is
// away, and until a new stream has told all anew. It takes no more of a node than a node can have:
// one may be stolen. Thread-safe.
class RemotePools {
 public:
  using Reports = google::protobuf::RepeatedPtrField<nodevol::v1::PoolReport>;

  // More than a node has disks.
  static constexpr int kMaxPools = 1024;
  // The memory that what is told may take, about; twice that while it is told anew.
  static constexpr size_t kMaxBytes = size_t{256} << 20;

  explicit RemotePools(size_t max_bytes = kMaxBytes) : max_bytes_(max_bytes) {}

  // From now on only this stream is heard. What it lists replaces what is here, pool by pool.
  void BeginStream(const NodeConnection& stream);
  // Tells of each object that was told of, whatever was told. The listener is called while a
  // message is applied, and must not ask this.
  [[nodiscard]] storage::ChangeFeed& changes() { return changes_; }
  // INVALID_ARGUMENT for what no node says, RESOURCE_EXHAUSTED for more than is kept of one,
  // ABORTED when another stream has begun since: then this one is of no use.
  absl::Status Apply(const NodeConnection& stream, const v1::Inventory& inventory);
  // INVALID_ARGUMENT for pools that no node has.
  static absl::Status CheckReports(const Reports& reports);

  // True once the last stream that began has told all.
  [[nodiscard]] bool complete() const;
  // In the order of their UUIDs, those first that have none yet.
  [[nodiscard]] std::vector<RemotePool> pools() const;
  [[nodiscard]] std::vector<nodevol::v1::PoolReport> reports() const;
  // Adds the room for such volumes in all of them.
  void AddRoom(const storage::VolumeSpec& spec, storage::Capacity& room) const;
  // NOT_FOUND when the node has no such pool; UNAVAILABLE when that is not known, or what is in it.
  [[nodiscard]] absl::StatusOr<RemotePool> Find(absl::string_view pool_uuid) const;
  // Whether the pool is one of those that the node has told of, and its epoch; none when it is not.
  [[nodiscard]] std::optional<uint64_t> EpochOf(absl::string_view pool_uuid) const;

 private:
  struct Copy {
    std::shared_ptr<storage::Catalog> catalog;
    size_t bytes = 0;  // what its objects take, about
  };
  struct Pool {
    nodevol::v1::PoolReport report;
    Copy known;   // none until the pool was listed once
    Copy listed;  // while it is being listed
  };

  absl::Status SetPools(const v1::PoolList& list) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status BeginPool(const std::string& uuid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SetObject(const nodevol::v1::ObjectState& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // To the one copy of the object's pool, if there is one.
  absl::Status SetObjectIn(Copy Pool::* copy, Pool& pool, const nodevol::v1::ObjectState& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status EndPool(const std::string& uuid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_bytes_;
  storage::ChangeFeed changes_;
  mutable absl::Mutex mutex_;
  // Which stream is heard; only ever compared.
  const NodeConnection* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // By UUID; those that have none yet are apart.
  std::map<std::string, Pool, std::less<>> pools_ ABSL_GUARDED_BY(mutex_);
  std::vector<nodevol::v1::PoolReport> never_open_ ABSL_GUARDED_BY(mutex_);
  bool complete_ ABSL_GUARDED_BY(mutex_) = false;  // of this stream
  bool known_ ABSL_GUARDED_BY(mutex_) = false;     // of this or an earlier one
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_REMOTE_POOLS_H_
