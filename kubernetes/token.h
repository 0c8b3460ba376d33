// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_TOKEN_H_
#define NODEVOL_KUBERNETES_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Tokens of ServiceAccounts. No error repeats one, or a part of it.
namespace nodevol::kubernetes {

// Whether the text can be a bearer token (RFC 6750) of a length that a cluster makes.
bool IsToken(absl::string_view text);

// Reads a token from a file, as kubelet keeps it up to date. FAILED_PRECONDITION, naming the file,
// when there is none in it.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

// When the token ends, by its own words: of use only where its signature has been checked.
// INVALID_ARGUMENT when it does not say so.
absl::StatusOr<absl::Time> EndOfToken(absl::string_view token);

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_TOKEN_H_
