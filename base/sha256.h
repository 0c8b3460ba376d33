// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_SHA256_H_
#define NODEVOL_BASE_SHA256_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nodevol {

// SHA-256 of data as 64 lower-case hex characters: what sha256sum(1) prints.
std::string Sha256Hex(absl::string_view data);

}  // namespace nodevol

#endif  // NODEVOL_BASE_SHA256_H_
