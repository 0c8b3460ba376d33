// SPDX-License-Identifier: Apache-2.0
#include "test/scale/simulated_node.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/monotonic.h"
#include "base/random.h"
#include "base/sha256.h"
#include "rpc/topology.h"
#include "storage/ids.h"
#include "test/scale/requests.h"

namespace nodevol::testing {
namespace {

constexpr size_t kIncarnationBytes = 16;

link::NodeIdentity IdentityOf(const std::string& name) {
  const csi::v1::Topology segment = rpc::Topology(kDriverName).SegmentOf(name);
  return {name,
          {segment.segments().begin(), segment.segments().end()},
          "simulated",
          RandomHex(kIncarnationBytes)};
}

// In no order, as real ones.
std::string PoolOf(const std::string& name) {
  return Sha256Hex(absl::StrCat("pool of ", name)).substr(0, storage::kUuidCharacters);
}

}  // namespace

SimulatedNode::SimulatedNode(Options options, Channels& channels)
    : options_(std::move(options)),
      channels_(channels),
      identity_(IdentityOf(options_.name)),
      storage_({.node_id = options_.name, .pool_uuid = PoolOf(options_.name)}),
      pause_(options_.shortest_pause) {}

SimulatedNode::~SimulatedNode() {
  const std::shared_ptr<link::ClientStream> stream = Close();
  // Its session uses what is here.
  if (stream != nullptr) stream->AwaitEnd();
}

void SimulatedNode::Open() {
  absl::MutexLock lock(&mutex_);
  open_ = true;
  pause_ = options_.shortest_pause;
  next_attempt_ = absl::ZeroDuration();
}

std::shared_ptr<link::ClientStream> SimulatedNode::Close() {
  std::shared_ptr<link::ClientStream> stream;
  {
    absl::MutexLock lock(&mutex_);
    open_ = false;
    stream.swap(stream_);
  }
  if (stream != nullptr) stream->Close(absl::CancelledError("the node goes"));
  return stream;
}

bool SimulatedNode::open() const {
  absl::MutexLock lock(&mutex_);
  return open_;
}

bool SimulatedNode::connected() const {
  absl::MutexLock lock(&mutex_);
  return stream_ != nullptr && stream_->ended().ok() && stream_->session().welcomed();
}

absl::Status SimulatedNode::last_end() const {
  absl::MutexLock lock(&mutex_);
  return last_end_;
}

SimulatedNode::State SimulatedNode::Look(absl::BitGen& random) {
  absl::MutexLock lock(&mutex_);
  if (dialing_) return State::kDialing;
  if (stream_ != nullptr) {
    const absl::Status ended = stream_->ended();
    if (ended.ok()) {
      if (!stream_->session().welcomed()) return State::kDialing;
      pause_ = options_.shortest_pause;
      return State::kConnected;
    }
    stream_.reset();
    last_end_ = ended;
    next_attempt_ = MonotonicNow() + pause_ * absl::Uniform(random, 0.5, 1.0);
    pause_ = std::min(pause_ * 2, options_.longest_pause);
  }
  if (!open_) return State::kAway;
  return MonotonicNow() < next_attempt_ ? State::kPausing : State::kDue;
}

void SimulatedNode::BeginDial() {
  absl::MutexLock lock(&mutex_);
  dialing_ = true;
}

void SimulatedNode::Dial() {
  absl::MutexLock lock(&mutex_);
  dialing_ = false;
  if (!open_) return;
  stream_ = std::make_shared<link::ClientStream>(
      channels_.Make(options_.controller, options_.pair),
      std::make_shared<link::NodeSession>(
          link::NodeSession::Node{identity_, storage_, storage_, board_}));
  // Under the lock: a stream must have begun before somebody closes it.
  stream_->Start();
}

}  // namespace nodevol::testing
