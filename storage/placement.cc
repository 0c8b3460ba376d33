// SPDX-License-Identifier: Apache-2.0
//
// Which pool of the node a new volume goes to, and what the others say.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/status_macros.h"
#include "storage/capability.h"
#include "storage/local_storage.h"
#include "storage/mkfs_options.h"
#include "storage/pool_offer.h"
#include "storage/volume_attributes.h"

namespace nodevol::storage {

namespace {

// What contradicts itself in such a volume, whatever the room.
absl::Status CheckOutline(const v1::VolumeRecord& outline, const VolumeSpec& spec,
                          const v1::VolumeRequest& request) {
  RETURN_IF_ERROR(CheckAttributes(outline));
  // Now that the filesystem is chosen: a volume that can't be mounted as asked is not made.
  for (const v1::VolumeCapability& capability : request.capabilities()) {
    RETURN_IF_ERROR(CheckVolumeHas(outline, capability));
  }
  const std::string& fs_type = FilesystemTypeOf(outline);
  if (fs_type.empty() || request.has_content_source()) return absl::OkStatus();
  return ParseMkfsOptions(ParseFilesystemType(fs_type), spec.mkfs_options).status();
}

}  // namespace

absl::StatusOr<v1::VolumeRecord> Engine::Outline(const VolumeSpec& spec) const {
  v1::VolumeRecord outline;
  *outline.mutable_attributes() = spec.attributes;
  if (Resolve(spec) == BackendChoice::kDirectory) {
    outline.mutable_directory()->set_limit(pool_->directory_limit().kind);
  } else {
    RETURN_IF_ERROR(image_->Describe(spec, outline));
  }
  return outline;
}

PoolVerdict* BestOf(std::vector<PoolVerdict>& verdicts) {
  PoolVerdict* best = nullptr;
  for (PoolVerdict& verdict : verdicts) {
    if (!verdict.status.ok()) continue;
    if (best == nullptr || verdict.available_bytes > best->available_bytes) best = &verdict;
  }
  return best;
}

absl::StatusOr<std::vector<PoolVerdict>> LocalStorage::JudgePools(
    const v1::VolumeRequest& request) {
  Locks locks;
  ParsedRequest parsed;
  ASSIGN_OR_RETURN(parsed.spec, ParseVolumeSpec(request));
  parsed.name_hash = VolumeId::HashOfName(request.name());
  RETURN_IF_ERROR(AdoptOrigin(request, locks, parsed));
  return JudgePools(request, parsed);
}

std::vector<PoolVerdict> LocalStorage::JudgePools(const v1::VolumeRequest& request,
                                                  const ParsedRequest& parsed) const {
  std::vector<PoolVerdict> verdicts;
  for (const std::unique_ptr<PoolKeeper>& keeper : keepers_) {
    verdicts.push_back(JudgePool(*keeper, request, parsed));
  }
  return verdicts;
}

PoolVerdict LocalStorage::JudgePool(const PoolKeeper& keeper, const v1::VolumeRequest& request,
                                    const ParsedRequest& parsed) {
  const VolumeSpec& spec = parsed.spec;
  const std::optional<ContentOrigin>& origin = parsed.origin;
  PoolVerdict verdict;
  verdict.pool = keeper.name();
  verdict.engine = keeper.engine();
  // Without a pool by name a copy stays where it can share blocks with its source.
  const bool is_named = !spec.pool.empty() && spec.pool == keeper.name();
  const bool is_sources = !origin.has_value() || origin->engine == verdict.engine;
  verdict.asked_for = spec.pool.empty() ? is_sources : is_named;
  if (!verdict.asked_for) {
    verdict.status = absl::FailedPreconditionError(
        spec.pool.empty() ? "the source is in another pool, and a copy stays there"
                          : absl::StrCat("pool \"", spec.pool, "\" is asked for"));
    return verdict;
  }
  const auto judge = [&]() -> absl::Status {
    RETURN_IF_ERROR(keeper.Availability());
    Engine& engine = *verdict.engine;
    const std::optional<int64_t> minimum =
        MinimumVolumeBytes(spec, engine.pool().directory_limit().kind);
    if (!minimum.has_value()) {
      return absl::FailedPreconditionError(absl::StrCat("can't limit the size of directories: ",
                                                        engine.pool().directory_limit().why_none));
    }
    ASSIGN_OR_RETURN(const int64_t size, ChooseSize(request.capacity_range(), *minimum,
                                                    origin.has_value() ? origin->size_bytes : 0));
    ASSIGN_OR_RETURN(verdict.outline, engine.Outline(spec));
    verdict.outline.set_size_bytes(size);
    RETURN_IF_ERROR(CheckOutline(verdict.outline, spec, request));
    const Ledger& ledger = engine.pool().ledger();
    verdict.available_bytes = ledger.Available();
    const VolumeId id = VolumeId::ForHash(engine.pool().uuid(), parsed.name_hash);
    return ledger.CheckRoom(Engine::LedgerKey(id), size);
  };
  verdict.status = judge();
  return verdict;
}

absl::StatusOr<LocalStorage::Placement> LocalStorage::ChoosePool(const v1::VolumeRequest& request,
                                                                 ParsedRequest parsed) {
  std::vector<PoolVerdict> verdicts = JudgePools(request, parsed);
  while (PoolVerdict* const best = BestOf(verdicts)) {
    Pool& pool = best->engine->pool();
    const VolumeId id = VolumeId::ForHash(pool.uuid(), parsed.name_hash);
    const int64_t size = best->outline.size_bytes();
    absl::StatusOr<Ledger::Reservation> reservation =
        pool.ledger().Reserve(Engine::LedgerKey(id), size);
    if (!reservation.ok()) {  // somebody was faster
      best->status = reservation.status();
      continue;
    }
    parsed.spec.backend = best->engine->Resolve(parsed.spec);
    return Placement{.existing = nullptr,
                     .engine = best->engine,
                     .plan = CreateVolumePlan{id, request, std::move(parsed.spec), size,
                                              std::move(parsed.origin), *std::move(reservation)}};
  }
  return WhyNowhere(verdicts, parsed.spec);
}

absl::Status LocalStorage::WhyNowhere(const std::vector<PoolVerdict>& verdicts,
                                      const VolumeSpec& spec) const {
  std::vector<std::string> reasons;
  absl::Status impossible;
  bool full = false;
  for (const PoolVerdict& verdict : verdicts) {
    if (!verdict.asked_for) continue;
    full |= absl::IsResourceExhausted(verdict.status);
    if (absl::IsInvalidArgument(verdict.status) || absl::IsOutOfRange(verdict.status)) {
      impossible.Update(verdict.status);
    }
    reasons.push_back(absl::StrCat(verdict.pool, ": ", verdict.status.message()));
  }
  // What is impossible in one pool may be possible in another that is only full now.
  if (!full) RETURN_IF_ERROR(impossible);
  if (reasons.empty()) {
    const auto name = [](std::string* out, const PoolVerdict& verdict) {
      out->append(verdict.pool);
    };
    reasons.push_back(absl::StrCat("it has no pool \"", spec.pool, "\", only ",
                                   absl::StrJoin(verdicts, ", ", name)));
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("node ", node_id_, " can't hold the volume: ", absl::StrJoin(reasons, "; ")));
}

}  // namespace nodevol::storage
