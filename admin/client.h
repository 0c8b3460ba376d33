// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_CLIENT_H_
#define NODEVOL_ADMIN_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "proto/admin.grpc.pb.h"

namespace nodevol::admin {

inline constexpr char kDefaultSocket[] = "unix:///run/nodevol/admin.sock";

// True for the status of a call that did not reach the driver, or got no answer: the driver's own
// UNAVAILABLE is another matter.
bool IsUnreachable(const absl::Status& status);

// The driver, as a command sees it: calls wait for their answers.
class Client {
 public:
  using Stub = v1::Admin::Stub;

  // IsUnreachable, with the reason and the remedy, when nobody listens at the path.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& path,
                                                         absl::Duration timeout);

  // client.Call(&Client::Stub::ListPools, request)
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    Response response;
    Prepare(context);
    const absl::Status status = Explain((stub_.get()->*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

 private:
  Client(std::string path, absl::Duration timeout);
  void Prepare(grpc::ClientContext& context) const;
  [[nodiscard]] absl::Status Explain(const grpc::Status& status) const;

  const std::string path_;
  const absl::Duration timeout_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_CLIENT_H_
