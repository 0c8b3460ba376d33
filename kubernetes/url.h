// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_URL_H_
#define NODEVOL_KUBERNETES_URL_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nodevol::kubernetes {

// A text as it stands for itself in one segment of a URL's path, or as a value in its query.
std::string UrlEscaped(absl::string_view text);

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_URL_H_
