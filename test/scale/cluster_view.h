// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SCALE_CLUSTER_VIEW_H_
#define NODEVOL_TEST_SCALE_CLUSTER_VIEW_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "test/client/csi_client.h"
#include "test/scale/volume_list.h"

namespace nodevol::testing {

// A cluster as its controller shows it over CSI. Thread-safe.
class ClusterView {
 public:
  explicit ClusterView(const std::string& socket_path);

  CsiClient& csi() { return csi_; }

  // The room at a node, in bytes; "" for that of all that are connected.
  absl::StatusOr<int64_t> Available(const std::string& node);
  // All volumes, in pages of so many, as they come; `after_page` is called after each.
  absl::StatusOr<VolumeList> ListVolumes(
      int32_t page_entries, absl::FunctionRef<void()> after_page = [] {});
  // Makes a volume as AskedRequest() says. INTERNAL when it is elsewhere than at the node that was
  // asked for.
  absl::StatusOr<std::string> CreateVolume(const std::string& name, const std::string& node);
  absl::Status DeleteVolume(const std::string& id);

 private:
  CsiClient csi_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SCALE_CLUSTER_VIEW_H_
