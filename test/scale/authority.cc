// SPDX-License-Identifier: Apache-2.0
#include "test/scale/authority.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "base/status_macros.h"
#include "link/authenticator.h"
#include "test/scale/requests.h"

namespace nodevol::testing {

absl::StatusOr<Authority> Authority::Make() {
  const link::Validity validity = {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24)};
  ASSIGN_OR_RETURN(link::Certificate ca, link::MakeCa("simulated CA", validity));
  return Authority(std::move(ca), validity);
}

absl::StatusOr<link::KeyPair> Authority::ForNode(const std::string& name) const {
  return Sign({name, {link::NodeUri(kDriverName, name)}, {}});
}

absl::StatusOr<link::KeyPair> Authority::ForController() const {
  return Sign(
      {"controller", {link::ControllerUri(kDriverName)}, {link::ControllerDnsName(kDriverName)}});
}

absl::StatusOr<link::KeyPair> Authority::Sign(const link::Subject& subject) const {
  ASSIGN_OR_RETURN(link::Certificate certificate, link::Issue(ca_, subject, validity_));
  return link::KeyPair{ca_.cert, std::move(certificate.cert), std::move(certificate.key),
                       validity_.until};
}

}  // namespace nodevol::testing
