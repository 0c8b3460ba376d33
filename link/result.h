// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_RESULT_H_
#define NODEVOL_LINK_RESULT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/callback.h"
#include "proto/link.pb.h"
#include "storage/node_storage.h"

// What operations answer with, as a message and back.
namespace nodevol::link {

void SetValue(const storage::VolumePtr& volume, v1::Result& result);
void SetValue(const storage::ExpandedVolume& expanded, v1::Result& result);
void SetValue(const storage::SnapshotPtr& snapshot, v1::Result& result);
void SetValue(const storage::GroupSnapshot& group, v1::Result& result);
void SetValue(const storage::BlockPage& page, v1::Result& result);

// The result of an operation: its value, or the error. A status alone is that of an operation
// without a value.
template <typename T>
v1::Result ToResult(const absl::StatusOr<T>& answer);
v1::Result ToResult(const absl::Status& status);

// What a result says; T is one of those above. INTERNAL when it says something else.
template <typename T>
absl::StatusOr<T> FromResult(v1::Result result);

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_RESULT_H_
