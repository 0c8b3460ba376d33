// SPDX-License-Identifier: Apache-2.0
#include "test/scale/fleet.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "base/parallel.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "host/descriptor_limit.h"
#include "test/scale/requests.h"

namespace nodevol::testing {
namespace {

constexpr absl::Duration kTendInterval = absl::Milliseconds(100);
// What the process has open beside the nodes' connections, and some more.
constexpr size_t kOtherDescriptors = 256;

size_t Processors() { return std::max(std::thread::hardware_concurrency(), 1U); }

absl::Status AllowConnections(size_t nodes) {
  ASSIGN_OR_RETURN(const uint64_t allowed, host::RaiseDescriptorLimit());
  const size_t needed = nodes + kOtherDescriptors;
  if (allowed >= needed) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      nodes, " simulated nodes need ", needed, " descriptors, and this process may have ", allowed,
      "; raise the hard limit (ulimit -Hn), or take fewer nodes"));
}

// MemoryStorage answers at once.
absl::Status AddVolume(MemoryStorage& disks, const std::string& name) {
  absl::Status status = absl::InternalError("the disks in memory do not answer at once");
  disks.CreateVolume(
      {}, StoredRequest(name),
      [&status](const absl::StatusOr<storage::VolumePtr>& made) { status = made.status(); });
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Fleet>> Fleet::Make(Options options, const Authority& authority) {
  RETURN_IF_ERROR(AllowConnections(options.nodes));
  std::unique_ptr<Fleet> fleet(new Fleet(std::move(options)));
  RETURN_IF_ERROR(fleet->AddNodes(authority));
  fleet->Start();
  return fleet;
}

Fleet::~Fleet() {
  tender_.reset();
  dialers_.reset();
  Close(0, size());
}

std::string Fleet::VolumeName(size_t node, size_t index) {
  // As long as the provisioner's names, which end in a UUID.
  const std::string hash = Sha256Hex(absl::StrCat("volume ", index, " of node ", node));
  return absl::StrCat("pvc-", hash.substr(0, 8), "-", hash.substr(8, 4), "-", hash.substr(12, 4),
                      "-", hash.substr(16, 4), "-", hash.substr(20, 12));
}

absl::Status Fleet::AddNodes(const Authority& authority) {
  nodes_.resize(options_.nodes);
  const size_t workers = Processors();
  const absl::Status made = FirstError(InParallel(workers, [&](size_t worker) -> absl::Status {
    for (size_t i = worker; i < nodes_.size(); i += workers) {
      ASSIGN_OR_RETURN(nodes_[i], MakeNode(i, authority));
    }
    return absl::OkStatus();
  }));
  if (!made.ok()) nodes_.clear();  // some are missing
  return made;
}

absl::StatusOr<std::unique_ptr<SimulatedNode>> Fleet::MakeNode(size_t index,
                                                               const Authority& authority) {
  const std::string name = absl::StrCat("simulated-", index);
  ASSIGN_OR_RETURN(link::KeyPair pair, authority.ForNode(name));
  auto node = std::make_unique<SimulatedNode>(
      SimulatedNode::Options{.name = name,
                             .pair = std::move(pair),
                             .controller = options_.controller,
                             .shortest_pause = options_.shortest_pause,
                             .longest_pause = options_.longest_pause},
      channels_);
  for (size_t i = 0; i < options_.volumes_per_node; ++i) {
    RETURN_IF_ERROR(AddVolume(node->storage(), VolumeName(index, i)));
  }
  return node;
}

void Fleet::Start() {
  dialers_ = std::make_unique<Executor>(Executor::Options{
      .name = "fleet-dial", .threads = Processors(), .max_queued = nodes_.size() + 1});
  tender_ = std::make_unique<PeriodicThread>("fleet-tend", kTendInterval, [this] { Tend(); });
}

// A tenth of a second after it can, a node dials, or a stream that has ended is noticed: real nodes
// take up to a fifth.
void Fleet::Tend() {
  size_t dialing = 0;
  std::vector<SimulatedNode*> due;
  for (const std::unique_ptr<SimulatedNode>& node : nodes_) {
    const SimulatedNode::State state = node->Look(random_);
    if (state == SimulatedNode::State::kDialing) ++dialing;
    if (state == SimulatedNode::State::kDue) due.push_back(node.get());
  }
  for (SimulatedNode* const node : due) {
    if (dialing >= options_.dials_at_once) return;
    ++dialing;
    Dial(*node);
  }
}

void Fleet::Dial(SimulatedNode& node) {
  node.BeginDial();
  if (!dialers_->TryPost([&node] { node.Dial(); })) node.Dial();
}

void Fleet::Open(size_t first, size_t count) {
  for (size_t i = first; i < first + count; ++i) nodes_[i]->Open();
}

void Fleet::Close(size_t first, size_t count) {
  std::vector<std::shared_ptr<link::ClientStream>> ending;
  for (size_t i = first; i < first + count; ++i) {
    if (auto stream = nodes_[i]->Close(); stream != nullptr) ending.push_back(std::move(stream));
  }
  for (const std::shared_ptr<link::ClientStream>& stream : ending) stream->AwaitEnd();
}

size_t Fleet::open() const {
  return static_cast<size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->open(); }));
}

size_t Fleet::connected() const {
  return static_cast<size_t>(std::count_if(nodes_.begin(), nodes_.end(),
                                           [](const auto& node) { return node->connected(); }));
}

absl::Status Fleet::Trouble() const {
  for (const std::unique_ptr<SimulatedNode>& node : nodes_) {
    if (!node->open() || node->connected()) continue;
    const absl::Status end = node->last_end();
    if (!end.ok()) return {end.code(), absl::StrCat(node->name(), ": ", end.message())};
  }
  return absl::OkStatus();
}

int64_t Fleet::AvailableBytes() const {
  int64_t available = 0;
  for (const std::unique_ptr<SimulatedNode>& node : nodes_) {
    if (!node->open()) continue;
    for (const v1::PoolReport& pool : node->storage().Pools()) {
      available += pool.available_bytes() / kMiB * kMiB;  // as it is told
    }
  }
  return available;
}

VolumeList Fleet::Volumes() const {
  VolumeList volumes;
  for (const std::unique_ptr<SimulatedNode>& node : nodes_) {
    const storage::Page<storage::VolumePtr> all = node->storage().ListVolumes({});
    for (const storage::VolumePtr& volume : all.entries) {
      volumes.emplace_back(volume->id(), node->name());
    }
  }
  std::sort(volumes.begin(), volumes.end());
  return volumes;
}

}  // namespace nodevol::testing
