// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLIENT_CSI_CLIENT_H_
#define NODEVOL_TEST_CLIENT_CSI_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "csi/csi.grpc.pb.h"

namespace nodevol::testing {

// A blocking client of a CSI endpoint. Thread-safe.
//
//   ASSIGN_OR_RETURN(auto response, client.Call(&Controller::CreateVolume, request));
class CsiClient {
 public:
  using Identity = csi::v1::Identity::Stub;
  using Controller = csi::v1::Controller::Stub;
  using Node = csi::v1::Node::Stub;

  // Connects when first used. Each client has a connection of its own.
  explicit CsiClient(const std::string& socket_path, absl::Duration timeout = absl::Minutes(1));

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    Response response;
    SetDeadline(context);
    const grpc::Status status = (StubFor<Stub>().*method)(&context, request, &response);
    if (!status.ok()) return ToAbsl(status);
    return response;
  }

 private:
  template <typename Stub>
  Stub& StubFor() {
    if constexpr (std::is_same_v<Stub, Identity>) {
      return *identity_;
    } else if constexpr (std::is_same_v<Stub, Controller>) {
      return *controller_;
    } else {
      return *node_;
    }
  }
  void SetDeadline(grpc::ClientContext& context) const;
  static absl::Status ToAbsl(const grpc::Status& status);

  const absl::Duration timeout_;
  std::unique_ptr<Identity> identity_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<Node> node_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLIENT_CSI_CLIENT_H_
