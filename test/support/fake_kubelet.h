// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_FAKE_KUBELET_H_
#define NODEVOL_TEST_SUPPORT_FAKE_KUBELET_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "registration/api.grpc.pb.h"

namespace nodevol::testing {

// What kubelet's plugin manager does with a socket in its directory. Calls wait for the socket to
// be served, 30 s at most.
class FakeKubelet {
 public:
  explicit FakeKubelet(const std::string& socket);

  // Asks what is registered there.
  absl::StatusOr<pluginregistration::PluginInfo> Ask();
  // Tells what came of it.
  absl::Status Tell(bool registered, const std::string& error);

 private:
  const std::unique_ptr<pluginregistration::Registration::Stub> stub_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_FAKE_KUBELET_H_
