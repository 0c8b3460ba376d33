// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_KUBERNETES_LEGIBLE_H_
#define NODEVOL_KUBERNETES_LEGIBLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace nodevol::kubernetes {

// What another program has said, as an error may repeat it: without the secrets, should it have
// said one, and shortened to half a KiB.
std::string Legible(absl::string_view text, const std::vector<std::string>& secrets);

}  // namespace nodevol::kubernetes

#endif  // NODEVOL_KUBERNETES_LEGIBLE_H_
