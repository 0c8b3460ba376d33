// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/model.h"

#include <algorithm>

namespace nodevol::testing {

bool Model::IsNeeded(absl::string_view id) const {
  const auto needs = [id](const auto& wish) {
    return wish.source_id == id && wish.known() == Known::kMaybe && wish.id.empty();
  };
  return std::any_of(volumes.begin(), volumes.end(), needs) ||
         std::any_of(snapshots.begin(), snapshots.end(), needs);
}

size_t Model::VolumesAtMost() const {
  return static_cast<size_t>(
      std::count_if(volumes.begin(), volumes.end(),
                    [](const VolumeWish& wish) { return wish.known() != Known::kAbsent; }));
}

void Model::AddTo(Holdings& expected) const {
  for (const VolumeWish& volume : volumes) {
    if (volume.known() == Known::kPresent) {
      expected.insert(VolumeLine(volume.id, volume.node, volume.bytes));
    }
  }
  for (const SnapshotWish& snapshot : snapshots) {
    if (snapshot.known() == Known::kPresent) {
      expected.insert(SnapshotLine(snapshot.id, snapshot.source_id));
    }
  }
}

}  // namespace nodevol::testing
