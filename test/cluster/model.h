// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_MODEL_H_
#define NODEVOL_TEST_CLUSTER_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/strings/string_view.h"

#include "csi/csi.pb.h"
#include "test/cluster/holdings.h"

// What a client knows of what it has asked a cluster for, by the answers that it got.
namespace nodevol::testing {

enum class Known {
  kPresent,  // acknowledged, as it is wanted
  kMaybe,    // asked for, made or changed or deleted, and not acknowledged yet
  kAbsent,   // acknowledged to be gone
};

// Of a volume; each name is wanted once. One thing at a time is asked of it, until it is
// acknowledged.
struct VolumeWish {
  csi::v1::CreateVolumeRequest request;
  std::string node;       // where it must be
  std::string source_id;  // of a copy: of what
  bool wanted = true;     // false: it is to be gone
  int64_t wanted_bytes = 0;

  // As acknowledged.
  std::string id;     // "" until it is made
  int64_t bytes = 0;  // its size
  bool gone = false;

  [[nodiscard]] const std::string& name() const { return request.name(); }
  [[nodiscard]] Known known() const {
    if (!wanted) return gone ? Known::kAbsent : Known::kMaybe;
    return !id.empty() && bytes >= wanted_bytes ? Known::kPresent : Known::kMaybe;
  }
};

// The same of a snapshot.
struct SnapshotWish {
  std::string snapshot_name;
  std::string source_id;
  std::string node;
  bool wanted = true;

  std::string id;
  bool gone = false;

  [[nodiscard]] const std::string& name() const { return snapshot_name; }
  [[nodiscard]] Known known() const {
    if (!wanted) return gone ? Known::kAbsent : Known::kMaybe;
    return id.empty() ? Known::kMaybe : Known::kPresent;
  }
};

// Of one client, which no other interferes with. Deques: wishes stay where they are.
struct Model {
  std::deque<VolumeWish> volumes;
  std::deque<SnapshotWish> snapshots;

  // Whether something that may not be made yet is to be made of it: then it must not be deleted.
  [[nodiscard]] bool IsNeeded(absl::string_view id) const;
  // How many volumes there are, or may be.
  [[nodiscard]] size_t VolumesAtMost() const;
  // What must be there, once nothing is kMaybe.
  void AddTo(Holdings& expected) const;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_MODEL_H_
