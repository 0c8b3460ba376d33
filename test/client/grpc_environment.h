// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLIENT_GRPC_ENVIRONMENT_H_
#define NODEVOL_TEST_CLIENT_GRPC_ENVIRONMENT_H_

#include "gtest/gtest.h"

#include "test/client/csi_client.h"

namespace nodevol::testing {

// gRPC opens descriptors of its own when it is first used and keeps them; used once before the
// first test, they are no test's leak. Register with AddGlobalTestEnvironment.
class GrpcEnvironment : public ::testing::Environment {
  void SetUp() override {
    CsiClient client("/nonexistent", absl::Milliseconds(100));
    (void)client.Call(&CsiClient::Identity::Probe, csi::v1::ProbeRequest());
  }
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLIENT_GRPC_ENVIRONMENT_H_
