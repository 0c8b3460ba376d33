// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLIENT_CSI_CLIENT_H_
#define NODEVOL_TEST_CLIENT_CSI_CLIENT_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "csi/csi.grpc.pb.h"
#include "proto/admin.grpc.pb.h"

namespace nodevol::testing {

// A blocking client of a CSI endpoint, or of our driver's admin socket. Thread-safe.
//
//   ASSIGN_OR_RETURN(auto response, client.Call(&Controller::CreateVolume, request));
class CsiClient {
 public:
  using Identity = csi::v1::Identity::Stub;
  using Controller = csi::v1::Controller::Stub;
  using GroupController = csi::v1::GroupController::Stub;
  using Node = csi::v1::Node::Stub;
  using SnapshotMetadata = csi::v1::SnapshotMetadata::Stub;
  using Admin = admin::v1::Admin::Stub;

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

  // Calls take(message) for every message of a stream and answers how that ended. When it returns
  // false, the call is cancelled.
  template <typename Stub, typename Request, typename Response>
  absl::Status Stream(std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(
                          grpc::ClientContext*, const Request&),
                      const Request& request, absl::FunctionRef<bool(const Response&)> take) {
    grpc::ClientContext context;
    SetDeadline(context);
    const std::unique_ptr<grpc::ClientReader<Response>> reader =
        (StubFor<Stub>().*method)(&context, request);
    Response response;
    bool wanted = true;
    while (reader->Read(&response)) {
      wanted = wanted && take(response);
      if (!wanted) context.TryCancel();
    }
    return ToAbsl(reader->Finish());
  }

 private:
  template <typename Stub>
  Stub& StubFor() {
    if constexpr (std::is_same_v<Stub, Identity>) {
      return *identity_;
    } else if constexpr (std::is_same_v<Stub, Controller>) {
      return *controller_;
    } else if constexpr (std::is_same_v<Stub, GroupController>) {
      return *group_controller_;
    } else if constexpr (std::is_same_v<Stub, SnapshotMetadata>) {
      return *snapshot_metadata_;
    } else if constexpr (std::is_same_v<Stub, Admin>) {
      return *admin_;
    } else {
      return *node_;
    }
  }
  void SetDeadline(grpc::ClientContext& context) const;
  static absl::Status ToAbsl(const grpc::Status& status);

  const absl::Duration timeout_;
  std::unique_ptr<Identity> identity_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<GroupController> group_controller_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<SnapshotMetadata> snapshot_metadata_;
  std::unique_ptr<Admin> admin_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLIENT_CSI_CLIENT_H_
