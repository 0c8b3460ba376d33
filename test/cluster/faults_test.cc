// SPDX-License-Identifier: Apache-2.0
//
// Cables are cut and mended, nodes and replicas killed and started again, all at random, while
// clients make, copy, grow, snapshot and delete volumes through both replicas. In the end what was
// acknowledged is there, once, what was deleted is gone, and nothing is half-made.
//
// In the environment: NODEVOL_CLUSTER_SECONDS, how long it goes on (20); NODEVOL_CLUSTER_SEED, to
// have the same faults again.
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"

#include "test/cluster/cluster_fixture.h"
#include "test/cluster/load.h"
#include "test/cluster/mischief.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

constexpr size_t kClients = 6;
constexpr unsigned kDefaultSeconds = 20;

unsigned FromEnvironment(const char* variable, unsigned otherwise) {
  const char* const text = std::getenv(variable);
  unsigned value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

class FaultsTest : public ClusterTest {};

TEST_F(FaultsTest, WhatWasAcknowledgedIsThereOnceAndNothingElseIs) {
  const unsigned seed = FromEnvironment("NODEVOL_CLUSTER_SEED", std::random_device()() % 100000);
  const unsigned seconds = FromEnvironment("NODEVOL_CLUSTER_SECONDS", kDefaultSeconds);
  std::printf("seed %u\n", seed);
  std::fflush(stdout);
  Load load(cluster(), kClients, seed);
  Mischief mischief(cluster(), seed);
  EXPECT_OK(mischief.Run(absl::Seconds(seconds)));
  // It has not come to a standstill.
  EXPECT_OK(load.AwaitMore(10));
  const int acknowledged = load.acknowledged();
  ExpectAsAcknowledged(load);
  std::printf("%d wishes fulfilled in %u s with %s; answers: %s\n", acknowledged, seconds,
              mischief.Summary().c_str(), load.Answers().c_str());
  if (HasFailure()) std::printf("again with NODEVOL_CLUSTER_SEED=%u\n", seed);
  EXPECT_OK(load.DeleteAll());
  ExpectHeld({});
}

}  // namespace
}  // namespace nodevol::testing
