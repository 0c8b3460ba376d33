// SPDX-License-Identifier: Apache-2.0
#include "controller/foreign_id.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "rpc/required_field.h"
#include "storage/static_volume.h"

namespace nodevol::controller {

absl::Status CheckForeignId(absl::string_view field, absl::string_view id) {
  if (id.empty()) return rpc::Required(field);
  // A static volume is nothing of the driver's to delete or to detach.
  if (field == "volume_id" && storage::IsStaticId(id)) return storage::CheckStaticId(id);
  if (absl::StrContains(id, '/') || absl::StrContains(id, "..")) {
    return absl::InvalidArgumentError(absl::StrCat(field, " \"", id, "\" is not an id"));
  }
  return absl::OkStatus();
}

}  // namespace nodevol::controller
