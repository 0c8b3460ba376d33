// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include "absl/strings/escaping.h"
#include "openssl/sha.h"

namespace nodevol {

std::string Sha256Hex(absl::string_view data) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return absl::BytesToHexString(digest);
}

}  // namespace nodevol
