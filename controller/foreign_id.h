// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_FOREIGN_ID_H_
#define NODEVOL_CONTROLLER_FOREIGN_ID_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nodevol::controller {

// What deleting an id answers that is no id of ours. It names nothing, so that is done; but what
// looks like an attempt to leave the grammar altogether is INVALID_ARGUMENT, as the mistake it is.
absl::Status CheckForeignId(absl::string_view field, absl::string_view id);

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_FOREIGN_ID_H_
