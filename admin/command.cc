// SPDX-License-Identifier: Apache-2.0
#include "admin/command.h"

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "admin/text.h"
#include "base/errno_status.h"
#include "base/status_macros.h"
#include "rpc/unix_listener.h"

namespace nodevol::admin {
namespace {

constexpr char kSocketOption[] = "admin-socket";
constexpr char kTimeoutOption[] = "timeout";

Exit ExitOf(const absl::Status& status) {
  if (IsUnreachable(status)) return Exit::kUnreachable;
  if (ErrnoOf(status) == ENOENT) return Exit::kNotFound;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return Exit::kOk;
    case absl::StatusCode::kInvalidArgument:
      return Exit::kUsage;
    case absl::StatusCode::kNotFound:
      return Exit::kNotFound;
    default:
      return Exit::kWrong;
  }
}

}  // namespace

std::vector<Option> SocketOptions() {
  return {{.name = kSocketOption,
           .value = "unix://PATH",
           .help = absl::StrCat("where the driver listens, as its own flag of that name says;\n"
                                "default: ",
                                kDefaultSocket)},
          {.name = kTimeoutOption,
           .value = "DURATION",
           .help = "how long to wait for an answer; default: 30s"}};
}

Option OutputOption(const std::string& values) {
  return {
      .name = "output", .value = values, .help = "how to print it; default: table", .letter = 'o'};
}

absl::StatusOr<OutputFormat> ParseOutputFormat(const Arguments& arguments) {
  const std::string value = arguments.Get("output", "table");
  if (value == "table") return OutputFormat::kTable;
  if (value == "wide") return OutputFormat::kWide;
  if (value == "json") return OutputFormat::kJson;
  return absl::InvalidArgumentError(
      absl::StrCat("-o ", value, ": there is no such output; use table, wide or json"));
}

absl::StatusOr<std::unique_ptr<Client>> Connect(const Arguments& arguments) {
  std::string endpoint = arguments.Get(kSocketOption, kDefaultSocket);
  if (absl::StartsWith(endpoint, "/")) endpoint = absl::StrCat("unix://", endpoint);
  ASSIGN_OR_RETURN(const std::string path, rpc::ParseEndpoint(endpoint));
  const absl::StatusOr<absl::Duration> timeout = ParseAge(arguments.Get(kTimeoutOption, "30s"));
  if (!timeout.ok()) return Annotate(timeout.status(), "--timeout");
  return Client::Connect(path, *timeout);
}

Exit Fail(const Streams& streams, const absl::Status& status) {
  streams.err << "nodevol: " << Printable(status.message()) << "\n";
  return ExitOf(status);
}

}  // namespace nodevol::admin
