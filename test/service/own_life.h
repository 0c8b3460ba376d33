// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_OWN_LIFE_H_
#define NODEVOL_TEST_SERVICE_OWN_LIFE_H_

#include <string>

#include "absl/status/status.h"

#include "test/client/volume_client.h"

namespace nodevol::testing {

// A volume's whole life, with a snapshot, a restored copy and an inline volume beside it, over one
// client. Nobody else knows the names, so every call must succeed the first time, whatever else
// goes on.
absl::Status LiveAlone(VolumeClient& client, const std::string& directory, const std::string& name,
                       int64_t bytes);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_OWN_LIFE_H_
