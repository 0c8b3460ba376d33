// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_OBJECT_STATE_H_
#define NODEVOL_STORAGE_OBJECT_STATE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "proto/storage.pb.h"
#include "storage/catalog.h"
#include "storage/change_feed.h"
#include "storage/health.h"

// What a catalog holds, as messages, and back: how a copy of a catalog is kept elsewhere.
namespace nodevol::storage {

v1::Status ToMessage(const absl::Status& status);
absl::Status FromMessage(const v1::Status& status);
v1::HealthCondition ToMessage(const HealthCondition& condition);
HealthCondition FromMessage(const v1::HealthCondition& condition);

// An object as the catalog knows it now; inline volumes are left out.
v1::ObjectState StateIn(const Catalog& catalog, ObjectKind kind, absl::string_view id);
// Up to `limit` ids of its objects after `after`, in order, also of damaged ones.
std::vector<std::string> IdsIn(const Catalog& catalog, ObjectKind kind, absl::string_view after,
                               size_t limit);

// Makes the copy say what `state` does. INVALID_ARGUMENT when the state contradicts itself or its
// id is none of this pool: then nothing is changed.
absl::Status Apply(const v1::ObjectState& state, Catalog& copy);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_OBJECT_STATE_H_
