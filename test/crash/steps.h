// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CRASH_STEPS_H_
#define NODEVOL_TEST_CRASH_STEPS_H_

#include <string>

#include "absl/status/status.h"

#include "test/crash/world.h"

// What scenarios are made of. Each can be repeated.
namespace nodevol::testing {

inline constexpr char kBefore[] = "written before";

// The volume, by way of the world's paths.
absl::Status Create(World& world);
absl::Status Stage(World& world);
absl::Status Publish(World& world);
absl::Status Unpublish(World& world);
absl::Status Unstage(World& world);
absl::Status TakeSnapshot(World& world);
absl::Status Restore(World& world);

// The volume with kBefore in it, in no use; and its snapshot.
absl::Status CreateWithContent(World& world);
absl::Status CreateWithSnapshot(World& world);

absl::Status ExpectContent(World& world, const std::string& expected);
// Uses the volume as a pod would; it must hold `expected`, or nothing when that is empty.
absl::Status ExpectUsable(World& world, const std::string& expected);
absl::Status VerifyContent(World& world);
// The restored volume holds what the source held.
absl::Status VerifyRestoredAlone(World& world);

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CRASH_STEPS_H_
