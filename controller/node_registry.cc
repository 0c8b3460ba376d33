// SPDX-License-Identifier: Apache-2.0
//
// Which nodes there are and which pools they have. Where things are made is in node_placement.cc,
// what all have in node_lists.cc, and what becomes of nodes that don't come back in lost_nodes.cc.
#include "controller/node_registry.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "storage/change_feed.h"
#include "storage/ids.h"

namespace nodevol::controller {

using link::RemoteStorage;

namespace {

absl::string_view PoolOf(absl::string_view id) { return id.substr(0, storage::kUuidCharacters); }

absl::Status NobodyHas(absl::string_view pool_uuid) {
  return absl::UnavailableError(
      absl::StrCat("no node with pool ", pool_uuid,
                   " has connected to this controller since it was started; whether what is asked "
                   "for exists is not known, retry when its node is back"));
}

// A pool that could not be opened yet may have anything.
bool HasToldAll(const RemoteStorage& node, const std::vector<link::RemotePool>& pools) {
  return node.connection() != nullptr && node.pools().complete() &&
         std::all_of(pools.begin(), pools.end(),
                     [](const link::RemotePool& pool) { return pool.catalog != nullptr; });
}

}  // namespace

// Tells the index of names what appears on a node.
class NodeRegistry::NameListener final : public storage::ChangeListener {
 public:
  explicit NameListener(NameIndex& names) : names_(names) {}

  void OnObject(storage::ObjectKind, absl::string_view id) override {
    // The ids of all kinds have one grammar, and their hashes tell them apart.
    const std::optional<storage::VolumeId> parsed = storage::VolumeId::Parse(id);
    if (parsed.has_value()) names_.Add(parsed->name_hash(), parsed->pool_uuid());
  }
  void OnPool(absl::string_view) override {}

 private:
  NameIndex& names_;
};

NodeRegistry::NodeRegistry(Options options)
    : options_(std::move(options)),
      settled_at_(MonotonicNow() + options_.settle_time),
      absence_(options_.forget_node_after) {}

void NodeRegistry::Tend() {
  // What is gone leaves its name in the index until there are too many such.
  if (names_.size() > 2 * swept_names_) SweepNames();
  DeleteWhatIsBack();
}

// ---- Streams that begin and end ----

absl::Status NodeRegistry::CheckHello(const link::v1::Hello& hello) const {
  const csi::v1::Topology expected = options_.topology.SegmentOf(hello.node_name());
  const bool same = std::all_of(
      expected.segments().begin(), expected.segments().end(), [&hello](const auto& segment) {
        const auto told = hello.topology().find(segment.first);
        return told != hello.topology().end() && told->second == segment.second;
      });
  if (same) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "node ", hello.node_name(), " has another topology than this controller expects (",
      expected.segments().begin()->first, "); start both with the same --driver-name"));
}

absl::Status NodeRegistry::CheckSuccession(const link::v1::Hello& hello, const Node& node) const {
  if (node.storage->connection() == nullptr) return absl::OkStatus();
  // The same process knows that its stream has ended, before we do. Of two processes, the one that
  // has opened a pool last is its owner: the other could not have.
  const bool same = !hello.incarnation().empty() && hello.incarnation() == node.incarnation;
  const bool later =
      std::any_of(hello.pools().begin(), hello.pools().end(), [&node](const v1::PoolReport& pool) {
        const auto known = node.epochs.find(pool.uuid());
        return known != node.epochs.end() && pool.epoch() > known->second;
      });
  if (same || later) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("node ", hello.node_name(),
                   " has a stream to this controller that is open; two processes with one node's "
                   "name are one too many. It is tried again until that stream ends"));
}

absl::StatusOr<std::shared_ptr<RemoteStorage>> NodeRegistry::Admit(
    const link::v1::Hello& hello, const std::shared_ptr<link::NodeConnection>& connection) {
  RETURN_IF_ERROR(CheckHello(hello));
  std::shared_ptr<link::NodeConnection> before;
  RemotePtr storage;
  {
    absl::MutexLock lock(&mutex_);
    Node& node = nodes_[hello.node_name()];
    if (node.storage == nullptr) {
      node.storage = std::make_shared<RemoteStorage>(hello.node_name());
      node.listener = std::make_shared<NameListener>(names_);
      node.storage->pools().changes().Subscribe(node.listener);
    }
    RETURN_IF_ERROR(CheckSuccession(hello, node));
    node.incarnation = hello.incarnation();
    node.epochs.clear();
    for (const v1::PoolReport& pool : hello.pools()) node.epochs[pool.uuid()] = pool.epoch();
    storage = node.storage;
    before = storage->connection();
    storage->Connect(connection);  // from here on it has not told all
    claims_->Came(hello.node_name());
    absence_.Connected(hello.node_name());
  }
  if (before != nullptr) {
    before->Close(absl::AbortedError("the node has opened a newer stream"));
  }
  log::Info("a node is connected",
            {{"node", hello.node_name()}, {"version", hello.driver_version()}});
  return storage;
}

void NodeRegistry::Leave(const RemotePtr& node, const link::NodeConnection& connection,
                         const std::vector<std::string>& claimed) {
  {
    absl::MutexLock lock(&mutex_);
    if (node->connection().get() == &connection) {
      node->Disconnect(connection);
      claims_->Left(node->node_id());
      absence_.Disconnected(node->node_id());
    }
  }
  for (const std::string& name_hash : claimed) claims_->Lose(name_hash, node->node_id());
}

void NodeRegistry::OnPools(const RemoteStorage& node) {
  std::vector<std::string> twice;
  {
    // A new stream begins under this lock: what is seen is of one.
    absl::MutexLock lock(&mutex_);
    const std::vector<link::RemotePool> pools = node.pools().pools();
    if (HasToldAll(node, pools)) claims_->Told(node.node_id());
    std::vector<std::string> now;
    for (const link::RemotePool& pool : pools) {
      if (!pool.report.uuid().empty()) now.push_back(pool.report.uuid());
    }
    Node& known = nodes_.at(node.node_id());
    if (known.pools == now) return;
    for (const std::string& uuid : known.pools) {
      if (std::find(now.begin(), now.end(), uuid) == now.end()) DropPool(uuid, node.node_id());
    }
    for (const std::string& uuid : now) {
      std::vector<std::string>& nodes = pools_[uuid];
      if (std::find(nodes.begin(), nodes.end(), node.node_id()) != nodes.end()) continue;
      nodes.push_back(node.node_id());
      if (nodes.size() > 1) twice.push_back(absl::StrCat(uuid, " at ", absl::StrJoin(nodes, ", ")));
    }
    known.pools = std::move(now);
  }
  for (const std::string& pool : twice) {
    log::Error(
        "a pool is at two nodes: one disk is a copy of the other, or was moved while its "
        "node was away; nothing is changed in it until one of them gives it up",
        {{"pool", pool}});
  }
}

void NodeRegistry::DropPool(const std::string& uuid, const std::string& node_id) {
  const auto found = pools_.find(uuid);
  if (found == pools_.end()) return;
  std::erase(found->second, node_id);
  if (found->second.empty()) pools_.erase(found);
}

absl::Status NodeRegistry::Claim(const RemoteStorage& node, const std::string& name_hash) {
  RETURN_IF_ERROR(claims_->Claim(name_hash, node.node_id()));
  const absl::Status status = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckNotToBeDeleted(node.node_id(), name_hash));
    // What is known elsewhere was made before; the claim keeps others from making it now.
    ASSIGN_OR_RETURN(const RemotePtr known, NodeWithName(name_hash));
    if (known == nullptr || known->node_id() == node.node_id()) return absl::OkStatus();
    return absl::AbortedError(absl::StrCat("the same exists at node ", known->node_id(),
                                           ", as another controller replica knows; retry"));
  }();
  if (!status.ok()) claims_->Release(name_hash, node.node_id());
  return status;
}

void NodeRegistry::Release(const RemoteStorage& node, const std::string& name_hash) {
  claims_->Release(name_hash, node.node_id());
}

// ---- Finding nodes ----

NodeRegistry::RemotePtr NodeRegistry::FindNode(const std::string& name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : found->second.storage;
}

std::vector<NodeRegistry::RemotePtr> NodeRegistry::Nodes() const {
  std::vector<RemotePtr> all;
  absl::MutexLock lock(&mutex_);
  all.reserve(nodes_.size());
  for (const auto& [name, node] : nodes_) all.push_back(node.storage);
  return all;
}

NodeRegistry::Counts NodeRegistry::counts() const {
  Counts counts;
  for (const RemotePtr& node : Nodes()) {
    ++counts.known;
    if (node->connection() != nullptr) ++counts.connected;
  }
  counts.names = names_.size();
  absl::MutexLock lock(&mutex_);
  counts.buried = tombstones_.size();
  return counts;
}

bool NodeRegistry::HasNode(const std::string& node_id) const {
  return FindNode(node_id) != nullptr;
}

std::vector<NodeRegistry::RemotePtr> NodeRegistry::Owners(
    const std::vector<std::string>& names) const {
  std::vector<RemotePtr> owners;
  for (const std::string& name : names) {
    if (!absence_.IsGone(name)) owners.push_back(nodes_.at(name).storage);
  }
  // Gone, and its disk with it.
  if (owners.empty() && !names.empty()) owners.push_back(nodes_.at(names.front()).storage);
  return owners;
}

std::vector<NodeRegistry::RemotePtr> NodeRegistry::NodesWith(absl::string_view pool_uuid) const {
  absl::MutexLock lock(&mutex_);
  const auto found = pools_.find(pool_uuid);
  return found == pools_.end() ? std::vector<RemotePtr>() : Owners(found->second);
}

absl::StatusOr<NodeRegistry::RemotePtr> NodeRegistry::OneNodeWith(
    absl::string_view pool_uuid) const {
  const std::vector<RemotePtr> with = NodesWith(pool_uuid);
  if (with.empty()) return NobodyHas(pool_uuid);
  if (with.size() == 1) return with.front();
  const auto name = [](std::string* out, const RemotePtr& node) { out->append(node->node_id()); };
  return absl::UnavailableError(
      absl::StrCat("pool ", pool_uuid, " is at nodes ", absl::StrJoin(with, " and ", name),
                   "; nothing is changed in it until one of them gives it up"));
}

absl::StatusOr<NodePtr> NodeRegistry::NodeToAsk(absl::string_view id) const {
  RETURN_IF_ERROR(CheckNotBuried(id));
  const std::vector<RemotePtr> with = NodesWith(PoolOf(id));
  if (with.empty()) return NobodyHas(PoolOf(id));
  return NodePtr(with.front());
}

absl::StatusOr<NodeRegistry::RemotePtr> NodeRegistry::RemoteToChange(absl::string_view id) const {
  RETURN_IF_ERROR(CheckNotBuried(id));
  ASSIGN_OR_RETURN(RemotePtr node, OneNodeWith(PoolOf(id)));
  if (!IsGone(node->node_id())) return node;
  return absl::NotFoundError(absl::StrCat(
      id, " was on node ", node->node_id(),
      ", whose Node object was deleted, and which is not connected; delete what was on "
      "it, or bring it back"));
}

absl::StatusOr<NodePtr> NodeRegistry::NodeToChange(absl::string_view id) const {
  ASSIGN_OR_RETURN(NodePtr node, RemoteToChange(id));
  return node;
}

}  // namespace nodevol::controller
