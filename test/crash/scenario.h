// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CRASH_SCENARIO_H_
#define NODEVOL_TEST_CRASH_SCENARIO_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "test/crash/world.h"

namespace nodevol::testing {

// One operation that is cut short: what must be there before it, the operation, and what must hold
// once it was answered OK. All three can be repeated.
struct Scenario {
  std::string name;
  absl::Status (*set_up)(World& world);
  absl::Status (*operate)(World& world);
  absl::Status (*verify)(World& world);

  friend void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }
};

// The calls that change a node's mounts or a pool; the admin socket's are with the Controller's.
const std::vector<Scenario>& ControllerScenarios();
// Group snapshots. Volumes are in use meanwhile where they can be frozen.
const std::vector<Scenario>& GroupScenarios();
const std::vector<Scenario>& NodeScenarios();
// The same of a pod's inline volume; for grounds with a filesystem.
const std::vector<Scenario>& InlineScenarios();

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CRASH_SCENARIO_H_
