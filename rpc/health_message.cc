// SPDX-License-Identifier: Apache-2.0
#include "rpc/health_message.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace nodevol::rpc {
namespace {

using storage::HealthCondition;
using storage::HealthStatus;

csi::v1::VolumeHealthErrorType ToCsi(HealthStatus status) {
  switch (status) {
    case HealthStatus::kDegraded:
      return csi::v1::DEGRADED;
    case HealthStatus::kInaccessible:
      return csi::v1::INACCESSIBLE;
    case HealthStatus::kDataLoss:
      return csi::v1::DATA_LOSS;
  }
  return csi::v1::UNKNOWN_VOLUME_HEALTH_TYPE;
}

}  // namespace

csi::v1::VolumeHealth ToCsi(const storage::VolumeHealth& health) {
  csi::v1::VolumeHealth converted;
  converted.set_volume_id(health.volume_id);
  std::set<std::pair<HealthStatus, std::string>> said;
  for (const HealthCondition& condition : health.conditions) {
    if (!said.emplace(condition.status, condition.reason).second) continue;
    csi::v1::VolumeHealth::VolumeHealthEntry& entry = *converted.add_health_statuses();
    entry.set_status(ToCsi(condition.status));
    entry.set_reason(condition.reason);
    entry.set_message(condition.message);
  }
  return converted;
}

csi::v1::NodeGetStorageHealthResponse ToCsi(
    const std::vector<storage::LocalStorage::PoolHealth>& pools) {
  std::map<std::pair<HealthStatus, std::string>, std::string> messages;
  for (const storage::LocalStorage::PoolHealth& pool : pools) {
    for (const HealthCondition& condition : pool.conditions) {
      std::string& message = messages[{condition.status, condition.reason}];
      absl::StrAppend(&message, message.empty() ? "" : "; ", condition.message);
    }
  }
  csi::v1::NodeGetStorageHealthResponse response;
  for (const auto& [condition, message] : messages) {
    auto& backend = *response.add_backend_health();
    backend.set_status(condition.first == HealthStatus::kDegraded ? csi::v1::STORAGE_DEGRADED
                                                                  : csi::v1::STORAGE_UNREACHABLE);
    backend.set_reason(condition.second);
    backend.set_message(message);
  }
  return response;
}

absl::Status HealthIsOff() {
  return absl::UnimplementedError("volume health is off; start the driver with --health");
}

}  // namespace nodevol::rpc
