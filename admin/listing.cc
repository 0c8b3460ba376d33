// SPDX-License-Identifier: Apache-2.0
#include "admin/listing.h"

#include "base/status_macros.h"

namespace nodevol::admin {
namespace {

template <typename Request, typename Response>
absl::StatusOr<Response> AllPages(Client& client,
                                  grpc::Status (Client::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Response*),
                                  Request request) {
  Response all;
  do {
    ASSIGN_OR_RETURN(const Response page, client.Call(method, request));
    all.MergeFrom(page);
    all.set_next(page.next());
    request.set_after(page.next());
  } while (!request.after().empty());
  return all;
}

}  // namespace

absl::StatusOr<v1::ListVolumesResponse> AllVolumes(Client& client, v1::ListVolumesRequest request) {
  return AllPages(client, &Client::Stub::ListVolumes, std::move(request));
}

absl::StatusOr<v1::ListSnapshotsResponse> AllSnapshots(Client& client,
                                                       v1::ListSnapshotsRequest request) {
  return AllPages(client, &Client::Stub::ListSnapshots, std::move(request));
}

}  // namespace nodevol::admin
