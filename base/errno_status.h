// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_ERRNO_STATUS_H_
#define NODEVOL_BASE_ERRNO_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nodevol {

// Makes a status from an errno value: "what: strerror". The errno travels along as a payload, so
// that a caller who cares asks ErrnoOf() instead of guessing from the code.
//
// Codes: ENOSPC and EDQUOT RESOURCE_EXHAUSTED; EBUSY FAILED_PRECONDITION; EMFILE, ENFILE, EAGAIN
// and EINTR UNAVAILABLE; all else INTERNAL. ENOENT and EEXIST are INTERNAL on purpose: a file that
// the driver misses must never tell a caller that its volume does not exist.
absl::Status ErrnoStatus(int error, absl::string_view what);

// The errno that ErrnoStatus() attached, or 0.
int ErrnoOf(const absl::Status& status);

// True when the status carries ENOSPC or EDQUOT.
bool IsOutOfSpace(const absl::Status& status);

// Puts "context: " before the message; code and payloads stay.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// Another message; code and payloads stay.
absl::Status Reword(const absl::Status& status, absl::string_view message);

}  // namespace nodevol

#endif  // NODEVOL_BASE_ERRNO_STATUS_H_
