// SPDX-License-Identifier: Apache-2.0
#include "rpc/metrics.h"

#include <map>
#include <utility>

#include "prometheus/text_serializer.h"

#include "rpc/status.h"

namespace nodevol::rpc {
namespace {

// From a capability query to a large copy, in seconds.
const prometheus::Histogram::BucketBoundaries& Buckets() {
  static const auto* const buckets = new prometheus::Histogram::BucketBoundaries{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
      0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
  return *buckets;
}

}  // namespace

Metrics::Metrics()
    : calls_(prometheus::BuildCounter()
                 .Name("nodevol_rpc_total")
                 .Help("CSI calls answered, by method and gRPC code.")
                 .Register(registry_)),
      seconds_(prometheus::BuildHistogram()
                   .Name("nodevol_rpc_seconds")
                   .Help("Time from a CSI call's arrival to its answer, waiting included.")
                   .Register(registry_)) {}

void Metrics::ObserveCall(absl::string_view method, absl::StatusCode code,
                          absl::Duration duration) {
  const std::string name(method);
  calls_.Add({{"method", name}, {"code", CodeName(code)}}).Increment();
  seconds_.Add({{"method", name}}, Buckets()).Observe(absl::ToDoubleSeconds(duration));
}

void Metrics::AddGauges(std::function<std::vector<Gauge>()> source) {
  sources_.push_back(std::move(source));
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  std::map<std::string, prometheus::MetricFamily> gauges;
  for (const auto& source : sources_) {
    for (const Gauge& gauge : source()) {
      prometheus::MetricFamily& family = gauges[gauge.name];
      family.name = gauge.name;
      family.help = gauge.help;
      family.type = prometheus::MetricType::Gauge;
      prometheus::ClientMetric metric;
      for (const auto& [name, value] : gauge.labels) metric.label.push_back({name, value});
      metric.gauge.value = gauge.value;
      family.metric.push_back(std::move(metric));
    }
  }
  for (auto& [name, family] : gauges) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace nodevol::rpc
