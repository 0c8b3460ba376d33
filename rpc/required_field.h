// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_REQUIRED_FIELD_H_
#define NODEVOL_RPC_REQUIRED_FIELD_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace nodevol::rpc {

// INVALID_ARGUMENT: the field must be set.
inline absl::Status Required(absl::string_view field) {
  return absl::InvalidArgumentError(absl::StrCat(field, " is required"));
}

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_REQUIRED_FIELD_H_
