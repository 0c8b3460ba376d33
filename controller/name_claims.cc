// SPDX-License-Identifier: Apache-2.0
#include "controller/name_claims.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "link/outcome.h"

namespace nodevol::controller {

class NameClaims::HoldOfName final : public NameHold {
 public:
  HoldOfName(std::shared_ptr<NameClaims> claims, std::string name_hash)
      : claims_(std::move(claims)), name_hash_(std::move(name_hash)) {}
  ~HoldOfName() override {
    if (!ended_) claims_->EndHold(name_hash_, /*outcome_is_known=*/true);
  }
  HoldOfName(const HoldOfName&) = delete;
  HoldOfName& operator=(const HoldOfName&) = delete;

  void End(const absl::Status& result) override {
    ended_ = true;
    claims_->EndHold(name_hash_, !link::IsOutcomeUnknown(result));
  }

 private:
  const std::shared_ptr<NameClaims> claims_;
  const std::string name_hash_;
  bool ended_ = false;
};

// ---- Names ----

absl::Status NameClaims::Taken(const Claimed& claim, absl::string_view name) const {
  if (claim.held || !claim.in_doubt) {
    return absl::AbortedError(absl::StrCat("another operation on ", name, " is under way at node ",
                                           claim.node_id, "; retry when it has ended"));
  }
  return absl::UnavailableError(absl::StrCat(name, " may have been made at node ", claim.node_id,
                                             nodes_.at(claim.node_id).connected
                                                 ? ", which has not told all that it has yet; retry"
                                                 : ", which is away; retry when it is back"));
}

absl::Status NameClaims::CheckFree(const std::string& name_hash, absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = claimed_.find(name_hash);
  return found == claimed_.end() ? absl::OkStatus() : Taken(found->second, name);
}

absl::StatusOr<NameClaims::Claimed*> NameClaims::Enter(const std::string& name_hash,
                                                       const std::string& node_id,
                                                       absl::string_view name) {
  if (const auto found = claimed_.find(name_hash); found != claimed_.end()) {
    Claimed& claim = found->second;
    if (claim.node_id == node_id) return &claim;
    return Taken(claim, name);
  }
  Node& node = nodes_[node_id];
  if (node.names >= names_per_node_) {
    return absl::UnavailableError(absl::StrCat("of ", node.names,
                                               " names something is being made at node ", node_id,
                                               ", or may have been; retry later"));
  }
  ++node.names;
  Claimed& claim = claimed_[name_hash];
  claim.node_id = node_id;
  return &claim;
}

absl::StatusOr<std::shared_ptr<NameHold>> NameClaims::Hold(const std::string& name_hash,
                                                           const std::string& node_id,
                                                           const std::string& name) {
  {
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(Claimed* const claim, Enter(name_hash, node_id, name));
    if (claim->held) return Taken(*claim, name);
    claim->held = true;
    ++claim->count;
  }
  return std::make_shared<HoldOfName>(shared_from_this(), name_hash);
}

absl::Status NameClaims::Claim(const std::string& name_hash, const std::string& node_id) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Claimed* const claim,
                   Enter(name_hash, node_id, "this name (as another controller replica knows)"));
  ++claim->count;
  return absl::OkStatus();
}

void NameClaims::EndHold(const std::string& name_hash, bool outcome_is_known) {
  absl::MutexLock lock(&mutex_);
  const Entry found = claimed_.find(name_hash);
  found->second.held = false;
  EndOne(found, outcome_is_known);
}

void NameClaims::EndClaim(const std::string& name_hash, const std::string& node_id,
                          bool outcome_is_known) {
  absl::MutexLock lock(&mutex_);
  const Entry found = claimed_.find(name_hash);
  if (found == claimed_.end() || found->second.node_id != node_id) return;
  EndOne(found, outcome_is_known);
}

void NameClaims::Release(const std::string& name_hash, const std::string& node_id) {
  EndClaim(name_hash, node_id, /*outcome_is_known=*/true);
}

void NameClaims::Lose(const std::string& name_hash, const std::string& node_id) {
  EndClaim(name_hash, node_id, /*outcome_is_known=*/false);
}

void NameClaims::EndOne(Entry entry, bool outcome_is_known) {
  Claimed& claim = entry->second;
  --claim.count;
  Node& node = nodes_[claim.node_id];
  // A later stream may have told all already, before the end of the one before was seen here.
  if (!outcome_is_known && !node.told) {
    claim.in_doubt = true;
    node.in_doubt.insert(entry->first);
  }
  EraseIfIdle(entry);
}

void NameClaims::EraseIfIdle(Entry entry) {
  if (entry->second.count > 0 || entry->second.in_doubt) return;
  --nodes_[entry->second.node_id].names;
  claimed_.erase(entry);
}

// ---- Nodes ----

void NameClaims::Came(const std::string& node_id) {
  absl::MutexLock lock(&mutex_);
  Node& node = nodes_[node_id];
  node.connected = true;
  node.told = false;
}

void NameClaims::Told(const std::string& node_id) {
  absl::MutexLock lock(&mutex_);
  Node& node = nodes_[node_id];
  node.told = true;
  const absl::flat_hash_set<std::string> over = std::exchange(node.in_doubt, {});
  for (const std::string& name_hash : over) {
    const Entry entry = claimed_.find(name_hash);
    entry->second.in_doubt = false;
    EraseIfIdle(entry);
  }
}

void NameClaims::Left(const std::string& node_id) {
  absl::MutexLock lock(&mutex_);
  Node& node = nodes_[node_id];
  node.connected = false;
  node.told = false;
}

}  // namespace nodevol::controller
