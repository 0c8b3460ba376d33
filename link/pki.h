// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_PKI_H_
#define NODEVOL_LINK_PKI_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "link/certificate.h"

// A directory with a CA and the certificates that it has signed: ca.pem, ca.key, NAME.pem,
// NAME.key. Keys can be read by their owner only. Nothing that is there is written over.
namespace nodevol::link {

// FAILED_PRECONDITION when the directory has a CA, or is none.
absl::Status MakeCaFiles(const std::string& directory, const std::string& common_name,
                         absl::Duration valid_for);
// FAILED_PRECONDITION when there is no CA, or one of the name is there.
absl::Status MakeCertificateFiles(const std::string& directory, const std::string& name,
                                  const Subject& subject, absl::Duration valid_for);

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_PKI_H_
