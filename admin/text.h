// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_TEXT_H_
#define NODEVOL_ADMIN_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

// Values as people read and write them.
namespace nodevol::admin {

// The text with all that a terminal would act on, or that hides, as JSON escapes (\u001b): names
// and paths may be hostile.
std::string Printable(absl::string_view text);
// The same between the quotes of a JSON string, which YAML takes too.
std::string Quoted(absl::string_view text);
// How many columns of a terminal it fills.
size_t WidthOf(absl::string_view printable);

// "2026-11-23T17:42:23Z"; "-" for none.
std::string FormatTime(const google::protobuf::Timestamp& time);
// "42s", "17m", "5h12m", "3d4h": of what was then, by the clock `now`. "-" for none.
std::string FormatAge(const google::protobuf::Timestamp& time, absl::Time now);

// A size as Kubernetes has them: "10Gi", "1.5G", "4096". INVALID_ARGUMENT.
absl::StatusOr<int64_t> ParseQuantity(absl::string_view text);
// Such as "90m" or "24h". INVALID_ARGUMENT.
absl::StatusOr<absl::Duration> ParseAge(absl::string_view text);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_TEXT_H_
