// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_REQUEST_ERROR_H_
#define NODEVOL_NODE_REQUEST_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// The error that all calls have in common.
namespace nodevol::node {

inline absl::Status NoSuchVolume(absl::string_view id) {
  return absl::NotFoundError(absl::StrCat("volume \"", id, "\" does not exist on this node"));
}

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_REQUEST_ERROR_H_
