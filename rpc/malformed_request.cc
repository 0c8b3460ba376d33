// SPDX-License-Identifier: Apache-2.0
#include "rpc/malformed_request.h"

#include "base/log.h"

namespace nodevol::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

constexpr char kMalformed[] =
    "the request is no valid message of csi.v1: it is cut off, or a string in it is not UTF-8";

class MalformedRequestInterceptor final : public Interceptor {
 public:
  explicit MalformedRequestInterceptor(const char* method) : method_(method) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE)) {
      malformed_ = methods->GetRecvMessage() == nullptr;
    }
    if (malformed_ &&
        methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      log::Info("answered",
                {{"rpc", method_}, {"code", "INVALID_ARGUMENT"}, {"error", kMalformed}});
      methods->ModifySendStatus({grpc::StatusCode::INVALID_ARGUMENT, kMalformed});
    }
    methods->Proceed();
  }

 private:
  const char* const method_;
  bool malformed_ = false;
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Interceptor* CreateServerInterceptor(ServerRpcInfo* call) override {
    // Owned by the call.
    return new MalformedRequestInterceptor(call->method());
  }
};

}  // namespace

std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
RefuseMalformedRequests() {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
  creators.push_back(std::make_unique<Factory>());
  return creators;
}

}  // namespace nodevol::rpc
