// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_OBJECT_REMOVAL_H_
#define NODEVOL_STORAGE_OBJECT_REMOVAL_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nodevol::storage {

// Removes the object directory `name` in `parent` (staging or trash) with its content, whatever the
// backend and however far a creation or an earlier removal came: interrupted anywhere, it can be
// done again and ends with nothing left, quota groups and limits included. OK when it is absent.
absl::Status RemoveObject(int parent, absl::string_view name);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_OBJECT_REMOVAL_H_
