// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/url.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

namespace nodevol::kubernetes {

std::string UrlEscaped(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '_' || c == '.') {
      escaped += c;
    } else {
      absl::StrAppendFormat(&escaped, "%%%02X", byte);
    }
  }
  return escaped;
}

}  // namespace nodevol::kubernetes
