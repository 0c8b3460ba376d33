// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SCALE_AUTHORITY_H_
#define NODEVOL_TEST_SCALE_AUTHORITY_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

#include "link/certificate.h"
#include "link/key_pair.h"

namespace nodevol::testing {

// A CA in memory, for the nodes and the controllers of one simulated cluster. What it signs is good
// for a day. Thread-safe.
class Authority {
 public:
  static absl::StatusOr<Authority> Make();

  [[nodiscard]] absl::StatusOr<link::KeyPair> ForNode(const std::string& name) const;
  [[nodiscard]] absl::StatusOr<link::KeyPair> ForController() const;

 private:
  Authority(link::Certificate ca, link::Validity validity)
      : ca_(std::move(ca)), validity_(validity) {}

  [[nodiscard]] absl::StatusOr<link::KeyPair> Sign(const link::Subject& subject) const;

  link::Certificate ca_;
  link::Validity validity_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SCALE_AUTHORITY_H_
