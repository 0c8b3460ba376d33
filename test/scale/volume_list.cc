// SPDX-License-Identifier: Apache-2.0
#include "test/scale/volume_list.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nodevol::testing {
namespace {

std::string TextOf(VolumeList::const_iterator volume, VolumeList::const_iterator end) {
  return volume == end ? "nothing" : absl::StrCat(volume->first, " at ", volume->second);
}

}  // namespace

absl::Status CheckSameVolumes(const VolumeList& listed, const VolumeList& expected) {
  const auto [ours, theirs] =
      std::mismatch(listed.begin(), listed.end(), expected.begin(), expected.end());
  if (ours == listed.end() && theirs == expected.end()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      listed.size(), " volumes are listed, there are ", expected.size(), "; where they differ ",
      TextOf(ours, listed.end()), " is listed instead of ", TextOf(theirs, expected.end())));
}

}  // namespace nodevol::testing
