// SPDX-License-Identifier: Apache-2.0
#include "test/scale/controller_stand.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {
namespace {

constexpr char kCa[] = "ca.pem";
constexpr char kCertificate[] = "controller.pem";
constexpr char kKey[] = "controller.key";
constexpr mode_t kFileMode = 0600;

// An address and port of this object's own, from which nobody else dials either: at 127.0.0.1 the
// port of a controller that is being started again could be taken, as their own end, by those who
// dial it.
std::string OwnAddress() {
  static std::atomic<int> port = 9443;
  const pid_t pid = ::getpid();
  return absl::StrCat("127.", 64 + ((pid >> 16) & 63), ".", (pid >> 8) & 255, ".", pid & 255, ":",
                      port++);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControllerStand>> ControllerStand::Create(
    const std::vector<std::string>& more_flags) {
  ASSIGN_OR_RETURN(Authority authority, Authority::Make());
  const std::string directory = NewDirectory();
  if (directory.empty()) return absl::InternalError("can't make a directory for the controller");
  const std::string address = OwnAddress();
  const auto file = [&directory](const char* name) { return absl::StrCat(directory, "/", name); };
  DriverProcess::Options options = {
      .pools = {}, .socket_path = file("csi.sock"), .log_path = file("log")};
  options.more_flags = {"--role=controller", absl::StrCat("--link-listen=", address),
                        absl::StrCat("--link-ca=", file(kCa)),
                        absl::StrCat("--link-cert=", file(kCertificate)),
                        absl::StrCat("--link-key=", file(kKey))};
  options.more_flags.insert(options.more_flags.end(), more_flags.begin(), more_flags.end());
  std::unique_ptr<ControllerStand> stand(new ControllerStand(
      std::move(authority), directory, absl::StrCat("ipv4:", address), std::move(options)));
  RETURN_IF_ERROR(stand->WriteCertificates());
  RETURN_IF_ERROR(stand->Start());
  return stand;
}

ControllerStand::~ControllerStand() {
  process_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

absl::Status ControllerStand::WriteCertificates() const {
  ASSIGN_OR_RETURN(const link::KeyPair pair, authority_.ForController());
  ASSIGN_OR_RETURN(const UniqueFd directory, host::OpenPath(directory_, O_RDONLY | O_DIRECTORY));
  RETURN_IF_ERROR(host::WriteNewFile(directory.get(), kCa, pair.ca, kFileMode));
  RETURN_IF_ERROR(host::WriteNewFile(directory.get(), kCertificate, pair.cert, kFileMode));
  return host::WriteNewFile(directory.get(), kKey, pair.key, kFileMode);
}

absl::Status ControllerStand::Start() {
  process_.reset();
  ASSIGN_OR_RETURN(DriverProcess process, DriverProcess::Start(options_));
  process_.emplace(std::move(process));
  return absl::OkStatus();
}

absl::Status ControllerStand::Stop() {
  if (!process_.has_value()) return absl::OkStatus();
  const absl::Status stopped = process_->Stop();
  process_.reset();
  return stopped;
}

}  // namespace nodevol::testing
