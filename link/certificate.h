// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_CERTIFICATE_H_
#define NODEVOL_LINK_CERTIFICATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

// Makes certificates: for small set-ups without a CA of their own, and for tests.
namespace nodevol::link {

// Both PEM.
struct Certificate {
  std::string cert;
  std::string key;
};

// From when to when it is good.
struct Validity {
  absl::Time from;
  absl::Time until;
};

// A CA of its own, which signs and does nothing else.
absl::StatusOr<Certificate> MakeCa(const std::string& name, const Validity& validity);

// What a certificate says of its holder. Nodes and controllers are known by their URI
// (authenticator.h); names are for other clients' sake.
struct Subject {
  std::string common_name;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
};
// Good for both sides of TLS. INVALID_ARGUMENT when the CA is none, or a name is not printable
// ASCII, without spaces and commas in those by which somebody is known.
absl::StatusOr<Certificate> Issue(const Certificate& ca, const Subject& subject,
                                  const Validity& validity);

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_CERTIFICATE_H_
