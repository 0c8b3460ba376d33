// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_LISTING_H_
#define NODEVOL_ADMIN_LISTING_H_

#include "absl/status/statusor.h"

#include "admin/client.h"

namespace nodevol::admin {

// All pages of a list as one answer.
absl::StatusOr<v1::ListVolumesResponse> AllVolumes(Client& client, v1::ListVolumesRequest request);
absl::StatusOr<v1::ListSnapshotsResponse> AllSnapshots(Client& client,
                                                       v1::ListSnapshotsRequest request);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_LISTING_H_
