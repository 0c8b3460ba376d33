// SPDX-License-Identifier: Apache-2.0
#include "link/pki.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"

namespace nodevol::link {
namespace {

constexpr char kCa[] = "ca";
constexpr size_t kMaxFileBytes = 1 << 20;
// Clocks of other machines may be behind.
constexpr absl::Duration kClockSkew = absl::Minutes(5);

Validity ValidFor(absl::Duration duration) {
  return {absl::Now() - kClockSkew, absl::Now() + duration};
}

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& directory) {
  absl::StatusOr<UniqueFd> fd = host::OpenPath(directory, O_RDONLY | O_DIRECTORY);
  if (fd.ok()) return fd;
  return absl::FailedPreconditionError(
      absl::StrCat(fd.status().message(), "; make the directory first"));
}

absl::Status WriteOne(int directory, const std::string& name, const std::string& content,
                      mode_t mode) {
  const absl::Status written = host::WriteNewFile(directory, name, content, mode);
  if (ErrnoOf(written) != EEXIST) return written;
  return absl::FailedPreconditionError(
      absl::StrCat(name, " is there already; remove it, or take another directory or name"));
}

absl::Status Write(int directory, const std::string& name, const Certificate& certificate) {
  const std::string key = absl::StrCat(name, ".key");
  RETURN_IF_ERROR(WriteOne(directory, key, certificate.key, 0600));
  const absl::Status written =
      WriteOne(directory, absl::StrCat(name, ".pem"), certificate.cert, 0644);
  // A key without its certificate is of no use.
  if (!written.ok()) ::unlinkat(directory, key.c_str(), 0);
  RETURN_IF_ERROR(written);
  return host::Sync(directory);
}

absl::StatusOr<Certificate> ReadCa(const std::string& directory) {
  Certificate ca;
  const absl::StatusOr<std::string> cert =
      host::ReadNamedFile(absl::StrCat(directory, "/", kCa, ".pem"), kMaxFileBytes);
  const absl::StatusOr<std::string> key =
      host::ReadNamedFile(absl::StrCat(directory, "/", kCa, ".key"), kMaxFileBytes);
  for (const absl::Status& read : {cert.status(), key.status()}) {
    if (read.ok()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(read.message(), "; make a CA with \"nodevol pki ca\" first"));
  }
  return Certificate{*cert, *key};
}

}  // namespace

absl::Status MakeCaFiles(const std::string& directory, const std::string& common_name,
                         absl::Duration valid_for) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectory(directory));
  ASSIGN_OR_RETURN(const Certificate ca, MakeCa(common_name, ValidFor(valid_for)));
  return Write(fd.get(), kCa, ca);
}

absl::Status MakeCertificateFiles(const std::string& directory, const std::string& name,
                                  const Subject& subject, absl::Duration valid_for) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenDirectory(directory));
  ASSIGN_OR_RETURN(const Certificate ca, ReadCa(directory));
  ASSIGN_OR_RETURN(const Certificate made, Issue(ca, subject, ValidFor(valid_for)));
  return Write(fd.get(), name, made);
}

}  // namespace nodevol::link
