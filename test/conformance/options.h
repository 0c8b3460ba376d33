// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CONFORMANCE_OPTIONS_H_
#define NODEVOL_TEST_CONFORMANCE_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "test/client/volume_client.h"

namespace nodevol::testing {

// What is examined, and with what kind of volume.
struct ConformanceOptions {
  std::string socket_path;             // Identity and Node
  std::string controller_socket_path;  // Controller, GroupController, SnapshotMetadata
  csi::v1::VolumeCapability capability;
  int64_t volume_bytes = 0;
  Parameters parameters;
  // What volumes are modified to; empty when the driver has no such parameters.
  Parameters mutable_parameters;
  // Sent with every request that can have secrets.
  Parameters secrets;
  // Staging and target paths are made beneath it.
  std::string work_directory;
  // Where the driver's output goes; empty when nobody knows.
  std::string log_path;
};

// Of the command line, from which GoogleTest has taken its own flags. Ends the process for --help
// and for a flag that does not exist. INVALID_ARGUMENT names all mistakes.
absl::StatusOr<ConformanceOptions> ParseConformanceOptions(int argc, char** argv);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CONFORMANCE_OPTIONS_H_
