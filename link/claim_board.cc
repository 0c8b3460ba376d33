// SPDX-License-Identifier: Apache-2.0
#include "link/claim_board.h"

#include <algorithm>
#include <iterator>

namespace nodevol::link {
namespace {

// The answers to one claim. The last of them, or of those who ask, tells.
class Poll {
 public:
  Poll(ClaimHold name, Callback<ClaimHold> done) : done_(std::move(done)), name_(std::move(name)) {}

  void Expect() {
    absl::MutexLock lock(&mutex_);
    ++missing_;
  }
  void Answer(const absl::Status& status) {
    Callback<ClaimHold> done;
    absl::StatusOr<ClaimHold> result;
    ClaimHold refused;  // its end must not come under the lock
    {
      absl::MutexLock lock(&mutex_);
      status_.Update(status);
      if (--missing_ > 0) return;
      done = std::move(done_);
      if (status_.ok()) {
        result = std::move(name_);
      } else {
        refused = std::move(name_);
        result = status_;
      }
    }
    std::move(done)(std::move(result));
  }

 private:
  absl::Mutex mutex_;
  Callback<ClaimHold> done_ ABSL_GUARDED_BY(mutex_);
  ClaimHold name_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  size_t missing_ ABSL_GUARDED_BY(mutex_) = 1;  // who asks
};

}  // namespace

ClaimedName::~ClaimedName() {
  for (const auto& [replica, claim] : claims_) {
    if (const std::shared_ptr<Claimant> open = replica.lock(); open != nullptr) {
      open->Release(claim);
    }
  }
}

void ClaimedName::ClaimOf(const std::shared_ptr<Claimant>& replica, StatusCallback done) {
  const uint64_t claim = replica->Claim(name_hash_, std::move(done));
  absl::MutexLock lock(&mutex_);
  claims_.emplace_back(replica, claim);
}

void ClaimBoard::Join(const std::shared_ptr<Claimant>& replica) {
  std::vector<ClaimHold> making;
  {
    absl::MutexLock lock(&mutex_);
    replicas_.push_back(replica);
    for (const std::weak_ptr<ClaimedName>& name : making_) {
      if (ClaimHold open = name.lock(); open != nullptr) making.push_back(std::move(open));
    }
  }
  for (const ClaimHold& name : making) {
    // Whatever it says to that: it is being made.
    name->ClaimOf(replica, [](const absl::Status&) {});
  }
}

void ClaimBoard::Leave(const Claimant& replica) {
  std::shared_ptr<Claimant> last;  // its end must not come under the lock
  absl::MutexLock lock(&mutex_);
  const auto found =
      std::find_if(replicas_.begin(), replicas_.end(),
                   [&replica](const auto& candidate) { return candidate.get() == &replica; });
  if (found == replicas_.end()) return;
  last = std::move(*found);
  replicas_.erase(found);
}

void ClaimBoard::Claim(const Claimant& asking, const std::string& name_hash,
                       Callback<ClaimHold> done) {
  const auto name = std::make_shared<ClaimedName>(name_hash);
  std::vector<std::shared_ptr<Claimant>> others;
  {
    absl::MutexLock lock(&mutex_);
    std::copy_if(replicas_.begin(), replicas_.end(), std::back_inserter(others),
                 [&asking](const auto& replica) { return replica.get() != &asking; });
    std::erase_if(making_, [](const auto& made) { return made.expired(); });
    making_.push_back(name);
  }
  auto poll = std::make_shared<Poll>(name, std::move(done));
  for (const std::shared_ptr<Claimant>& replica : others) {
    poll->Expect();
    name->ClaimOf(replica, [poll](const absl::Status& status) { poll->Answer(status); });
  }
  poll->Answer(absl::OkStatus());
}

}  // namespace nodevol::link
