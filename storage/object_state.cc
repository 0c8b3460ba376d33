// SPDX-License-Identifier: Apache-2.0
#include "storage/object_state.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "storage/ids.h"

namespace nodevol::storage {
namespace {

void SetRecord(const VolumePtr& record, v1::ObjectState& state) {
  *state.mutable_volume() = *record;
}
void SetRecord(const SnapshotPtr& record, v1::ObjectState& state) {
  *state.mutable_snapshot() = *record;
}
void SetRecord(const GroupPtr& record, v1::ObjectState& state) { *state.mutable_group() = *record; }

template <typename Record>
void Describe(const ObjectIndex<Record>& index, v1::ObjectState& state) {
  const auto found = index.Find(state.id());
  if (found.ok()) {
    SetRecord(*found, state);
  } else if (const absl::Status damage = index.DamageOf(state.id()); !damage.ok()) {
    *state.mutable_damaged() = ToMessage(damage);
  } else if (!absl::IsNotFound(found.status())) {
    *state.mutable_undecided() = ToMessage(absl::UnavailableError(index.DoubtOf(state.id())));
  }
}

template <typename Record>
void ApplyTo(ObjectIndex<Record>& index, const v1::ObjectState& state, const Record& record) {
  switch (state.object_case()) {
    case v1::ObjectState::kDamaged:
      return index.PutDamaged(state.id(), FromMessage(state.damaged()));
    case v1::ObjectState::kUndecided:
      return index.PutUndecided(state.id(), state.undecided().message());
    case v1::ObjectState::OBJECT_NOT_SET:
      return index.Erase(state.id());
    default:
      return index.Put(std::make_shared<const Record>(record));
  }
}

// The id in the state's record; its own where there is no record.
const std::string& RecordId(const v1::ObjectState& state) {
  switch (state.object_case()) {
    case v1::ObjectState::kVolume:
      return state.volume().id();
    case v1::ObjectState::kSnapshot:
      return state.snapshot().id();
    case v1::ObjectState::kGroup:
      return state.group().id();
    default:
      return state.id();
  }
}

bool IsOfKind(const v1::ObjectState& state) {
  switch (state.object_case()) {
    case v1::ObjectState::kVolume:
      return state.kind() == v1::ObjectState::VOLUME;
    case v1::ObjectState::kSnapshot:
      return state.kind() == v1::ObjectState::SNAPSHOT;
    case v1::ObjectState::kGroup:
      return state.kind() == v1::ObjectState::GROUP;
    case v1::ObjectState::kDamaged:
      return state.damaged().code() != 0;
    default:
      return true;
  }
}

// The ids of all kinds have one grammar.
absl::Status Check(const v1::ObjectState& state, const Catalog& copy) {
  const std::optional<VolumeId> id = VolumeId::Parse(state.id());
  if (!id.has_value() || id->pool_uuid() != copy.pool_uuid) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", state.id(), "\" is no id of pool ", copy.pool_uuid));
  }
  if (RecordId(state) != state.id() || !IsOfKind(state)) {
    return absl::InvalidArgumentError(
        absl::StrCat("what is said of ", state.id(), " is of another object"));
  }
  return absl::OkStatus();
}

}  // namespace

v1::Status ToMessage(const absl::Status& status) {
  v1::Status message;
  message.set_code(static_cast<int>(status.code()));
  message.set_message(std::string(status.message()));
  status.ForEachPayload([&message](absl::string_view key, const absl::Cord& value) {
    (*message.mutable_payloads())[std::string(key)] = std::string(value);
  });
  return message;
}

absl::Status FromMessage(const v1::Status& status) {
  absl::Status converted(static_cast<absl::StatusCode>(status.code()), status.message());
  for (const auto& [key, value] : status.payloads()) converted.SetPayload(key, absl::Cord(value));
  return converted;
}

v1::HealthCondition ToMessage(const HealthCondition& condition) {
  v1::HealthCondition message;
  message.set_kind(static_cast<v1::HealthCondition::Kind>(condition.status));
  message.set_reason(condition.reason);
  message.set_message(condition.message);
  return message;
}

HealthCondition FromMessage(const v1::HealthCondition& condition) {
  // A kind that a newer driver says is at least a degradation.
  const bool known = v1::HealthCondition::Kind_IsValid(condition.kind());
  return {.status = known ? static_cast<HealthStatus>(condition.kind()) : HealthStatus::kDegraded,
          .reason = condition.reason(),
          .message = condition.message()};
}

v1::ObjectState StateIn(const Catalog& catalog, ObjectKind kind, absl::string_view id) {
  v1::ObjectState state;
  state.set_id(std::string(id));
  switch (kind) {
    case ObjectKind::kVolume:
      state.set_kind(v1::ObjectState::VOLUME);
      Describe(catalog.volumes, state);
      if (state.volume().has_ephemeral()) {
        state.clear_object();
      } else {
        for (const HealthCondition& condition : catalog.ill.Of(state.id())) {
          *state.add_conditions() = ToMessage(condition);
        }
      }
      break;
    case ObjectKind::kSnapshot:
      state.set_kind(v1::ObjectState::SNAPSHOT);
      Describe(catalog.snapshots, state);
      break;
    case ObjectKind::kGroup:
      state.set_kind(v1::ObjectState::GROUP);
      Describe(catalog.groups, state);
      break;
  }
  return state;
}

std::vector<std::string> IdsIn(const Catalog& catalog, ObjectKind kind, absl::string_view after,
                               size_t limit) {
  switch (kind) {
    case ObjectKind::kVolume:
      return catalog.volumes.IdsAfter(after, limit);
    case ObjectKind::kSnapshot:
      return catalog.snapshots.IdsAfter(after, limit);
    case ObjectKind::kGroup:
      return catalog.groups.IdsAfter(after, limit);
  }
  return {};
}

absl::Status Apply(const v1::ObjectState& state, Catalog& copy) {
  RETURN_IF_ERROR(Check(state, copy));
  switch (state.kind()) {
    case v1::ObjectState::VOLUME: {
      std::vector<HealthCondition> conditions;
      for (const v1::HealthCondition& condition : state.conditions()) {
        conditions.push_back(FromMessage(condition));
      }
      copy.ill.Set(state.id(), std::move(conditions));
      ApplyTo(copy.volumes, state, state.volume());
      return absl::OkStatus();
    }
    case v1::ObjectState::SNAPSHOT:
      ApplyTo(copy.snapshots, state, state.snapshot());
      return absl::OkStatus();
    case v1::ObjectState::GROUP:
      ApplyTo(copy.groups, state, state.group());
      return absl::OkStatus();
    default:
      // What a newer driver has more of can be left out: this one answers nothing about it.
      return absl::OkStatus();
  }
}

}  // namespace nodevol::storage
