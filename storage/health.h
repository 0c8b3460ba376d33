// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_HEALTH_H_
#define NODEVOL_STORAGE_HEALTH_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// What is wrong with a volume or a pool (CSI 1.13, volume health). Reasons are stable: COs and
// alerts compare them.
namespace nodevol::storage {

enum class HealthStatus {
  kDegraded,      // usable, but not as it should be
  kInaccessible,  // not usable now; its data may be whole
  // Gone for good. Never said of what may pass: a disk that is away, a record that can be restored.
  kDataLoss,
};

struct HealthCondition {
  HealthStatus status = HealthStatus::kDegraded;
  std::string reason;   // CamelCase
  std::string message;  // for people
  friend bool operator==(const HealthCondition&, const HealthCondition&) = default;
};

// Of pools.
inline constexpr char kPoolNotOpen[] = "PoolNotOpen";        // it could not be opened yet
inline constexpr char kPoolNotMounted[] = "PoolNotMounted";  // something else is at its path
inline constexpr char kPoolFailed[] = "PoolFailed";          // its disk answered with errors
inline constexpr char kPoolReadOnly[] = "PoolReadOnly";
inline constexpr char kPoolHangs[] = "PoolHangs";
inline constexpr char kPoolFull[] = "PoolFull";  // thin volumes may not get what they were promised
// Of volumes.
inline constexpr char kRecordDamaged[] = "RecordDamaged";
inline constexpr char kRecordTooNew[] = "RecordTooNew";
inline constexpr char kContentMissing[] = "ContentMissing";
inline constexpr char kQuotaMissing[] = "QuotaMissing";  // nothing limits its size
inline constexpr char kVolumeUnusable[] = "VolumeUnusable";
inline constexpr char kFilesystemErrors[] = "FilesystemErrors";
inline constexpr char kFilesystemReadOnly[] = "FilesystemReadOnly";  // after an error
inline constexpr char kFilesystemShutDown[] = "FilesystemShutDown";

// Lets a status say which of the reasons it is about.
absl::Status WithReason(absl::Status status, absl::string_view reason);

// The condition of an object that could not be loaded, by the error of that.
HealthCondition ConditionOfDamage(const absl::Status& damage);
// The condition of a pool that can't be worked on, by its Availability().
HealthCondition ConditionOfPool(const absl::Status& unavailable);

// INACCESSIBLE: the filesystem in a volume answers with this error only.
HealthCondition FilesystemShutDown(const absl::Status& error);

// "DEGRADED", "INACCESSIBLE", "DATA_LOSS".
absl::string_view HealthStatusName(HealthStatus status);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_HEALTH_H_
