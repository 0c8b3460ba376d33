// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SCALE_VOLUME_LIST_H_
#define NODEVOL_TEST_SCALE_VOLUME_LIST_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace nodevol::testing {

// The ids of volumes, each with the name of its node; in the order of the ids.
using VolumeList = std::vector<std::pair<std::string, std::string>>;

// OK when both are the same. INTERNAL, with how many there are and the first difference: two lists
// of thousands are nothing to read.
absl::Status CheckSameVolumes(const VolumeList& listed, const VolumeList& expected);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SCALE_VOLUME_LIST_H_
