// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/mischief.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "base/monotonic.h"
#include "base/status_macros.h"

namespace nodevol::testing {
namespace {

// More, and hardly anything would be answered.
constexpr size_t kMostBroken = 4;
constexpr int kShortestPause = 50;  // in milliseconds, as those below
constexpr int kLongestPause = 600;
constexpr int kLongestDeath = 3000;
constexpr int kLongestStall = 3000;
// A connection that says nothing for 20 seconds is given up: longer ones are another matter than
// shorter ones.
constexpr int kShortestOutage = 12'000;
constexpr int kLongestOutage = 26'000;
constexpr int kOutagePercent = 20;

}  // namespace

int Mischief::Between(int least, int most) {
  return std::uniform_int_distribution<int>(least, most)(random_);
}

absl::Duration Mischief::DurationFor(Kind kind) {
  if (kind != Kind::kCable) return absl::Milliseconds(Between(0, kLongestDeath));
  if (Between(1, 100) <= kOutagePercent) {
    return absl::Milliseconds(Between(kShortestOutage, kLongestOutage));
  }
  return absl::Milliseconds(Between(kShortestPause, kLongestStall));
}

absl::Status Mischief::Run(absl::Duration duration) {
  const absl::Duration end = MonotonicNow() + duration;
  while (MonotonicNow() < end) {
    RETURN_IF_ERROR(MendUntil(MonotonicNow()));
    if (broken_.size() < kMostBroken) RETURN_IF_ERROR(BreakOne());
    absl::SleepFor(absl::Milliseconds(Between(kShortestPause, kLongestPause)));
  }
  return MendUntil(absl::InfiniteDuration());
}

absl::Status Mischief::BreakOne() {
  Broken target = {};
  const int dice = Between(1, 4);
  target.kind = dice <= 2 ? Kind::kCable : dice == 3 ? Kind::kNode : Kind::kReplica;
  target.node = static_cast<size_t>(Between(1, static_cast<int>(Cluster::kNodes)) - 1);
  target.replica = static_cast<size_t>(Between(1, static_cast<int>(Cluster::kReplicas)) - 1);
  target.until = MonotonicNow() + DurationFor(target.kind);
  if (IsBroken(target)) return absl::OkStatus();
  RETURN_IF_ERROR(Break(target));
  broken_.push_back(target);
  return absl::OkStatus();
}

bool Mischief::IsBroken(const Broken& candidate) const {
  return std::any_of(broken_.begin(), broken_.end(), [&candidate](const Broken& broken) {
    return broken.kind == candidate.kind &&
           (broken.kind == Kind::kReplica || broken.node == candidate.node) &&
           (broken.kind == Kind::kNode || broken.replica == candidate.replica);
  });
}

absl::Status Mischief::Break(const Broken& target) {
  switch (target.kind) {
    case Kind::kCable: {
      ++cables_;
      const Cable::End end = Between(0, 1) == 0 ? Cable::End::kController : Cable::End::kNode;
      return cluster_.cable(target.node, target.replica).Cut(end);
    }
    case Kind::kNode:
      ++nodes_;
      return cluster_.node(target.node).member().Kill();
    case Kind::kReplica:
      ++replicas_;
      return cluster_.replica(target.replica).Kill();
  }
  return absl::OkStatus();
}

absl::Status Mischief::Mend(const Broken& target) {
  switch (target.kind) {
    case Kind::kCable:
      return cluster_.cable(target.node, target.replica).Mend();
    case Kind::kNode:
      return cluster_.node(target.node).member().Start();
    case Kind::kReplica:
      return cluster_.replica(target.replica).Start();
  }
  return absl::OkStatus();
}

absl::Status Mischief::MendUntil(absl::Duration now) {
  for (auto broken = broken_.begin(); broken != broken_.end();) {
    if (broken->until > now) {
      ++broken;
      continue;
    }
    RETURN_IF_ERROR(Mend(*broken));
    broken = broken_.erase(broken);
  }
  return absl::OkStatus();
}

std::string Mischief::Summary() const {
  return absl::StrCat(cables_, " cables cut, ", nodes_, " nodes and ", replicas_,
                      " replicas killed");
}

}  // namespace nodevol::testing
