// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLIENT_RAW_CLIENT_H_
#define NODEVOL_TEST_CLIENT_RAW_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "grpcpp/generic/generic_stub.h"

namespace nodevol::testing {

// A client that sends any bytes as a request: also those that a generated client has no words for.
class RawClient {
 public:
  explicit RawClient(const std::string& socket_path);

  // Sends the bytes as the request of this type's method; returns the bytes of the answer.
  absl::StatusOr<std::string> Send(const google::protobuf::Descriptor& request,
                                   const std::string& bytes);
  absl::StatusOr<std::string> Send(const google::protobuf::Message& request);

 private:
  grpc::GenericStub stub_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLIENT_RAW_CLIENT_H_
