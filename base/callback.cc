// SPDX-License-Identifier: Apache-2.0
#include "base/callback.h"

#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "base/random.h"

namespace nodevol {

absl::Status ExceptionStatus(const char* what) {
  const std::string log_id = RandomHex(8);
  log::Error("internal error: an exception reached a boundary",
             {{"log_id", log_id}, {"what", what}});
  return absl::InternalError(
      absl::StrCat("internal error; the driver's log has the details under log_id=", log_id));
}

}  // namespace nodevol
