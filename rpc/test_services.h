// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_TEST_SERVICES_H_
#define NODEVOL_RPC_TEST_SERVICES_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/callback.h"
#include "csi/csi.grpc.pb.h"
#include "rpc/calls.h"

// For tests: the smallest services that use Calls as the real ones do.
namespace nodevol::rpc {

class TestIdentity final : public csi::v1::Identity::CallbackService {
 public:
  explicit TestIdentity(Calls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* Probe(grpc::CallbackServerContext* context,
                                  const csi::v1::ProbeRequest* request,
                                  csi::v1::ProbeResponse* response) override {
    return calls_.Run({"Probe", true}, context, request, response,
                      [this](const auto&, const auto&, Callback<csi::v1::ProbeResponse> done) {
                        if (!healthy.ok()) return std::move(done)(healthy);
                        std::move(done)(csi::v1::ProbeResponse());
                      });
  }

  absl::Status healthy;

 private:
  Calls& calls_;
};

// CreateVolume does what the test says.
class TestController final : public csi::v1::Controller::CallbackService {
 public:
  using Done = Callback<csi::v1::CreateVolumeResponse>;
  using Handler = std::function<void(const storage::OperationContext&,
                                     const csi::v1::CreateVolumeRequest&, Done)>;

  explicit TestController(Calls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* CreateVolume(grpc::CallbackServerContext* context,
                                         const csi::v1::CreateVolumeRequest* request,
                                         csi::v1::CreateVolumeResponse* response) override {
    return calls_.Run({"CreateVolume"}, context, request, response, handler);
  }

  Handler handler;

 private:
  Calls& calls_;
};

// GetMetadataAllocated streams what the test says.
class TestSnapshotMetadata final : public csi::v1::SnapshotMetadata::CallbackService {
 public:
  using Request = csi::v1::GetMetadataAllocatedRequest;
  using Response = csi::v1::GetMetadataAllocatedResponse;
  using Source = std::unique_ptr<MessageSource<Response>>;
  using Handler =
      std::function<absl::StatusOr<Source>(const storage::OperationContext&, const Request&)>;

  explicit TestSnapshotMetadata(Calls& calls) : calls_(calls) {}

  grpc::ServerWriteReactor<Response>* GetMetadataAllocated(grpc::CallbackServerContext* context,
                                                           const Request* request) override {
    return calls_.Stream<Response>({"GetMetadataAllocated"}, context, request, handler);
  }

  Handler handler;

 private:
  Calls& calls_;
};

inline csi::v1::CreateVolumeResponse VolumeNamed(const std::string& id) {
  csi::v1::CreateVolumeResponse response;
  response.mutable_volume()->set_volume_id(id);
  return response;
}

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_TEST_SERVICES_H_
