// SPDX-License-Identifier: Apache-2.0
#include "storage/health.h"

#include <cerrno>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"

#include "base/errno_status.h"

namespace nodevol::storage {
namespace {

constexpr absl::string_view kReasonPayload = "nodevol/reason";

std::string ReasonOf(const absl::Status& status, absl::string_view otherwise) {
  const absl::optional<absl::Cord> reason = status.GetPayload(kReasonPayload);
  return reason.has_value() ? std::string(*reason) : std::string(otherwise);
}

}  // namespace

absl::Status WithReason(absl::Status status, absl::string_view reason) {
  status.SetPayload(kReasonPayload, absl::Cord(reason));
  return status;
}

HealthCondition ConditionOfDamage(const absl::Status& damage) {
  HealthCondition condition = {.status = HealthStatus::kInaccessible,
                               .reason = ReasonOf(damage, kVolumeUnusable),
                               .message = std::string(damage.message())};
  if (absl::IsDataLoss(damage)) condition.reason = kRecordDamaged;
  if (ErrnoOf(damage) == ENOENT) {
    condition.reason = kContentMissing;
    condition.status = HealthStatus::kDataLoss;
  }
  return condition;
}

HealthCondition ConditionOfPool(const absl::Status& unavailable) {
  return {.status = HealthStatus::kInaccessible,
          .reason = ReasonOf(unavailable, kPoolFailed),
          .message = std::string(unavailable.message())};
}

HealthCondition FilesystemShutDown(const absl::Status& error) {
  return {.status = HealthStatus::kInaccessible,
          .reason = kFilesystemShutDown,
          .message = absl::StrCat("the volume's filesystem has shut down after an error (",
                                  error.message(), "); end its pods, so that it is staged anew")};
}

absl::string_view HealthStatusName(HealthStatus status) {
  switch (status) {
    case HealthStatus::kDegraded:
      return "DEGRADED";
    case HealthStatus::kInaccessible:
      return "INACCESSIBLE";
    case HealthStatus::kDataLoss:
      return "DATA_LOSS";
  }
  return "UNKNOWN";
}

}  // namespace nodevol::storage
