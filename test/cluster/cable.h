// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_CABLE_H_
#define NODEVOL_TEST_CLUSTER_CABLE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "test/cluster/namespaces.h"

namespace nodevol::testing {

// A cable from a controller to a node: a pair of network devices, each with an address that nothing
// else has. It ends with the namespaces that it is in.
class Cable {
 public:
  enum class End { kController, kNode };

  // `number`, from 0 to 255, tells it from others. Both namespaces must outlive it.
  static absl::StatusOr<Cable> Lay(int number, const Namespaces& controller,
                                   const Namespaces& node);

  // Nothing passes any more. Who is at that end sees that the device is down; at the other, what is
  // sent vanishes without a word.
  absl::Status Cut(End end);
  // As before; OK when it is whole.
  absl::Status Mend();
  [[nodiscard]] bool whole() const { return !cut_at_.has_value(); }

  [[nodiscard]] std::string AddressOf(End end) const;

 private:
  Cable(int number, const Namespaces& controller, const Namespaces& node);

  // Runs ip(8) at that end; `file` is its descriptor host::kSpawnFileDescriptor.
  [[nodiscard]] absl::Status Ip(End end, const std::vector<std::string>& words, int file) const;
  [[nodiscard]] absl::Status Set(End end, absl::string_view state) const;
  [[nodiscard]] absl::Status SetAddress(End end) const;

  int number_;
  const Namespaces* controller_;
  const Namespaces* node_;
  std::string device_;  // the same name at both ends
  std::optional<End> cut_at_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_CABLE_H_
