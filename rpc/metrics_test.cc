// SPDX-License-Identifier: Apache-2.0
#include "rpc/metrics.h"

#include <string>
#include <thread>
#include <vector>

#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, CallsAreCountedByMethodAndCode) {
  Metrics metrics;
  metrics.ObserveCall("CreateVolume", absl::StatusCode::kOk, absl::Milliseconds(3));
  metrics.ObserveCall("CreateVolume", absl::StatusCode::kOk, absl::Milliseconds(3));
  metrics.ObserveCall("CreateVolume", absl::StatusCode::kAborted, absl::Milliseconds(3));
  metrics.ObserveCall("Probe", absl::StatusCode::kOk, absl::ZeroDuration());
  EXPECT_THAT(metrics.Text(),
              AllOf(HasSubstr("# TYPE nodevol_rpc_total counter\n"),
                    HasSubstr("nodevol_rpc_total{code=\"OK\",method=\"CreateVolume\"} 2\n"),
                    HasSubstr("nodevol_rpc_total{code=\"ABORTED\",method=\"CreateVolume\"} 1\n"),
                    HasSubstr("nodevol_rpc_total{code=\"OK\",method=\"Probe\"} 1\n")));
}

TEST(MetricsTest, DurationsFallIntoBuckets) {
  Metrics metrics;
  metrics.ObserveCall("CreateVolume", absl::StatusCode::kOk, absl::Milliseconds(3));
  metrics.ObserveCall("CreateVolume", absl::StatusCode::kAborted, absl::Minutes(5));
  EXPECT_THAT(
      metrics.Text(),
      AllOf(HasSubstr("# TYPE nodevol_rpc_seconds histogram\n"),
            HasSubstr("nodevol_rpc_seconds_bucket{method=\"CreateVolume\",le=\"0.0025\"} 0\n"),
            HasSubstr("nodevol_rpc_seconds_bucket{method=\"CreateVolume\",le=\"0.005\"} 1\n"),
            HasSubstr("nodevol_rpc_seconds_bucket{method=\"CreateVolume\",le=\"60\"} 1\n"),
            HasSubstr("nodevol_rpc_seconds_bucket{method=\"CreateVolume\",le=\"+Inf\"} 2\n"),
            HasSubstr("nodevol_rpc_seconds_count{method=\"CreateVolume\"} 2\n")));
}

TEST(MetricsTest, GaugesAreAskedForAtEveryScrape) {
  Metrics metrics;
  double free = 10;
  metrics.AddGauges([&free] {
    return std::vector<Gauge>{{"free_bytes", "Free.", {{"pool", "ssd"}}, free},
                              {"free_bytes", "Free.", {{"pool", "hdd"}}, 2 * free}};
  });
  metrics.AddGauges([] { return std::vector<Gauge>{{"ready", "Ready.", {}, 1}}; });
  EXPECT_THAT(metrics.Text(),
              AllOf(HasSubstr("# HELP free_bytes Free.\n# TYPE free_bytes gauge\n"
                              "free_bytes{pool=\"ssd\"} 10\nfree_bytes{pool=\"hdd\"} 20\n"),
                    HasSubstr("\nready 1\n")));
  free = 11;
  EXPECT_THAT(metrics.Text(), AllOf(HasSubstr("free_bytes{pool=\"ssd\"} 11\n"),
                                    Not(HasSubstr("free_bytes{pool=\"ssd\"} 10\n"))));
}

TEST(MetricsTest, LabelsCannotForgeALine) {
  Metrics metrics;
  metrics.AddGauges(
      [] { return std::vector<Gauge>{{"size", "Size.", {{"pool", "a\"} 1\nforged 1"}}, 1}}; });
  EXPECT_THAT(metrics.Text(), Not(HasSubstr("\nforged 1")));
}

TEST(MetricsTest, ThreadsLoseNothing) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&metrics] {
      for (int call = 0; call < kCalls; ++call) {
        metrics.ObserveCall("Probe", absl::StatusCode::kOk, absl::ZeroDuration());
      }
      EXPECT_THAT(metrics.Text(), HasSubstr("nodevol_rpc_total"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics.Text(), HasSubstr("nodevol_rpc_total{code=\"OK\",method=\"Probe\"} 2000\n"));
}

}  // namespace
}  // namespace nodevol::rpc
