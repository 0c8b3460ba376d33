// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_RPC_METRICS_H_
#define NODEVOL_RPC_METRICS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace nodevol::rpc {

// A figure that is asked for when it is wanted.
struct Gauge {
  std::string name;
  std::string help;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
};

// The process's metrics in Prometheus' text format. Thread-safe.
class Metrics {
 public:
  Metrics();

  // Counts a finished call: nodevol_rpc_total{method,code} and nodevol_rpc_seconds{method}.
  void ObserveCall(absl::string_view method, absl::StatusCode code, absl::Duration duration);
  // `source` is asked at every scrape. Before the first scrape only.
  void AddGauges(std::function<std::vector<Gauge>()> source);

  [[nodiscard]] std::string Text() const;

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& calls_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  std::vector<std::function<std::vector<Gauge>()>> sources_;
};

}  // namespace nodevol::rpc

#endif  // NODEVOL_RPC_METRICS_H_
