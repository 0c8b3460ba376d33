// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_UNANNOUNCED_H_
#define NODEVOL_TEST_CONFORMANCE_UNANNOUNCED_H_

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/message.h"

#include "test/conformance/driver.h"

// The calls that a capability stands for.
namespace nodevol::testing {

using Requests = std::vector<std::unique_ptr<google::protobuf::Message>>;

// A request for each call that only a driver with this capability serves: well-formed, about things
// that do not exist.
Requests RequestsOf(PluginService::Type capability, const ConformanceOptions& options);
Requests RequestsOf(ControllerRpc::Type capability, const ConformanceOptions& options);
Requests RequestsOf(GroupRpc::Type capability, const ConformanceOptions& options);
Requests RequestsOf(NodeRpc::Type capability, const ConformanceOptions& options);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_UNANNOUNCED_H_
