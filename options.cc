// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "admin/client.h"
#include "base/path.h"
#include "generated_version.h"
#include "identity/identity_handler.h"
#include "link_options.h"
#include "mistakes.h"
#include "rpc/http_server.h"
#include "rpc/unix_listener.h"
#include "storage/ids.h"

ABSL_FLAG(std::string, endpoint, "",
          "unix:// path of the CSI socket; default: $CSI_ENDPOINT, else "
          "unix:///run/nodevol/csi.sock");
ABSL_FLAG(std::string, admin_socket, nodevol::admin::kDefaultSocket,
          "unix:// path of the socket for the administrator's commands (nodevol help); empty for "
          "none");
ABSL_FLAG(std::string, role, "all",
          "what to serve: all (Identity, Controller and Node), node (Identity and Node) or "
          "controller (Identity and Controller, of the nodes that connect)");
ABSL_FLAG(std::string, node_id, "",
          "name of this node, as Kubernetes calls it; default: the host name");
ABSL_FLAG(std::string, driver_name, "csi.nodevol.io", "name under which the driver registers");
ABSL_FLAG(std::vector<std::string>, pool, {},
          "NAME=PATH of a pool: a prepared directory on a mounted xfs, ext4 or btrfs; may be given "
          "several times");
ABSL_FLAG(std::vector<std::string>, static_path, {},
          "a directory beneath which static volumes may be; may be given several times; default: "
          "none, there are no static volumes then");
ABSL_FLAG(bool, create_pools, false,
          "prepare pools whose directory is empty; without it an unprepared one is refused");
ABSL_FLAG(double, overcommit, 1.0,
          "how many times its space a pool may promise to volumes, from 1 to 100");
ABSL_FLAG(bool, health, false,
          "serve volume health (alpha in CSI 1.13): what is wrong with which volume and pool");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warn or error");
ABSL_FLAG(std::string, log_format, "text", "text or json");
ABSL_FLAG(std::string, metrics_address, "",
          "ADDRESS:PORT for /metrics, /healthz and /readyz over HTTP; default: none");

ABSL_FLAG(std::string, registration_dir, "",
          "kubelet's plugins_registry, to register the driver with the kubelet of this node; "
          "default: none, node-driver-registrar does it, or nobody");
ABSL_FLAG(std::string, kubelet_endpoint, "",
          "with --registration-dir: path of the CSI socket as kubelet sees it; default: that of "
          "--endpoint");

namespace nodevol {
namespace {

constexpr char kDefaultEndpoint[] = "unix:///run/nodevol/csi.sock";
constexpr char kUsage[] =
    "A CSI driver for volumes on the disks of this node.\n\n"
    "  nodevol --pool=ssd=/mnt/ssd [--create-pools] [flags]\n\n"
    "The administrator's commands (doctor, pool, volume, undelete ...): nodevol help\n\n"
    "Flags:";

// Flags that may be repeated; in the flags library the last would win.
constexpr absl::string_view kRepeatable[] = {"--pool", "--static_path"};

// Takes the value of the flag out of the arguments from `i` on; nullopt when it is another flag.
std::optional<std::string> TakeValue(absl::string_view flag, const std::string& argument, int argc,
                                     char** argv, int& i) {
  absl::string_view value = argument;
  if (!absl::ConsumePrefix(&value, flag)) return std::nullopt;
  if (absl::ConsumePrefix(&value, "=")) return std::string(value);
  if (!value.empty() || i + 1 >= argc) return std::nullopt;
  return std::string(argv[++i]);
}

// Flags may be written with dashes; the flags library knows underscores.
std::vector<std::string> NormalizeArguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  std::map<absl::string_view, std::vector<std::string>> repeated;
  for (int i = 0; i < argc; ++i) {
    std::string argument = argv[i];
    if (i > 0 && absl::StartsWith(argument, "--")) {
      const size_t end = std::min(argument.find('='), argument.size());
      std::replace(argument.begin() + 2, argument.begin() + static_cast<std::ptrdiff_t>(end), '-',
                   '_');
    }
    bool taken = false;
    for (const absl::string_view flag : kRepeatable) {
      if (i == 0 || taken) break;
      std::optional<std::string> value = TakeValue(flag, argument, argc, argv, i);
      taken = value.has_value();
      if (taken) repeated[flag].push_back(*std::move(value));
    }
    if (!taken) arguments.push_back(std::move(argument));
  }
  for (const auto& [flag, values] : repeated) {
    arguments.insert(arguments.begin() + 1, absl::StrCat(flag, "=", absl::StrJoin(values, ",")));
  }
  return arguments;
}

std::string HostName() {
  std::array<char, 256> name = {};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return absl::AsciiStrToLower(name.data());
}

// Kubernetes makes a label value of it.
bool IsLabelValue(absl::string_view text) {
  const auto alphanumeric = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c));
  };
  return !text.empty() && text.size() <= 63 && alphanumeric(text.front()) &&
         alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [&](char c) {
           return alphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

void ParsePools(Options& options, Mistakes& mistakes) {
  if (options.role == Role::kController) {
    for (const std::string& text : absl::GetFlag(FLAGS_pool)) {
      mistakes.Add("--pool", absl::StrCat("\"", text,
                                          "\": a controller has no pools; give it to the "
                                          "node that has the disk"));
    }
    return;
  }
  const double overcommit = absl::GetFlag(FLAGS_overcommit);
  if (std::isnan(overcommit) || overcommit < 1.0 || overcommit > 100.0) {
    mistakes.Add("--overcommit", absl::StrCat(overcommit, " is not from 1 to 100"));
  }
  for (const std::string& text : absl::GetFlag(FLAGS_pool)) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
    const auto& [name, path] = parts;
    if (!storage::IsPoolName(name) || !absl::StartsWith(path, "/")) {
      mistakes.Add("--pool", absl::StrCat("\"", text,
                                          "\" must be NAME=PATH, a name of at most 32 "
                                          "lower-case letters, digits and dashes and an absolute "
                                          "path, such as ssd=/mnt/ssd"));
      continue;
    }
    for (const storage::PoolOptions& other : options.pools) {
      if (other.name == name) mistakes.Add("--pool", absl::StrCat("\"", name, "\" is given twice"));
    }
    options.pools.push_back({.name = name,
                             .path = path,
                             .create = absl::GetFlag(FLAGS_create_pools),
                             .overcommit = overcommit});
  }
  if (options.pools.empty())
    mistakes.Add("--pool", "at least one is required, such as ssd=/mnt/ssd");
}

// Whether it is there is looked at when it is used: its disk may be mounted later.
void ParseStaticPaths(Options& options, Mistakes& mistakes) {
  for (const std::string& text : absl::GetFlag(FLAGS_static_path)) {
    absl::StatusOr<std::string> path = NormalizePath(text);
    if (!path.ok()) {
      mistakes.Add("--static-path",
                   text == "/" ? "\"/\" would give pods the whole node; name the directories that "
                                 "static volumes are in"
                               : path.status().message());
      continue;
    }
    for (const storage::PoolOptions& pool : options.pools) {
      if (IsPathWithin(*path, pool.path)) {
        mistakes.Add("--static-path", absl::StrCat("\"", text, "\" is in pool \"", pool.name,
                                                   "\"; a pool is the driver's alone"));
      }
    }
    options.static_paths.push_back(*std::move(path));
  }
}

std::string Endpoint() {
  const std::string flag = absl::GetFlag(FLAGS_endpoint);
  if (!flag.empty()) return flag;
  // The variable is the spec's contract ("Supervised Lifecycle Management").
  const char* variable = std::getenv("CSI_ENDPOINT");
  return variable != nullptr && *variable != '\0' ? variable : kDefaultEndpoint;
}

void ParseAdminSocket(Options& options, Mistakes& mistakes) {
  const std::string endpoint = absl::GetFlag(FLAGS_admin_socket);
  // Its commands are about the pools of a node.
  if (endpoint.empty() || options.role == Role::kController) return;
  options.admin_socket_named = endpoint != admin::kDefaultSocket;
  absl::StatusOr<std::string> path = rpc::ParseEndpoint(endpoint);
  mistakes.Add("--admin-socket", path.status());
  if (!path.ok()) return;
  if (*path == options.socket_path) {
    mistakes.Add("--admin-socket", absl::StrCat(endpoint, " is the CSI socket; name another"));
  }
  options.admin_socket_path = *std::move(path);
}

void ParseIdentity(Options& options, Mistakes& mistakes) {
  const std::string role = absl::GetFlag(FLAGS_role);
  if (role == "node") {
    options.role = Role::kNode;
  } else if (role == "controller") {
    options.role = Role::kController;
  } else if (role != "all") {
    mistakes.Add("--role", absl::StrCat("\"", role, "\" is not one of all, node, controller"));
  }
  options.node_id = absl::GetFlag(FLAGS_node_id);
  if (options.node_id.empty()) options.node_id = HostName();
  if (!IsLabelValue(options.node_id)) {
    mistakes.Add("--node-id",
                 absl::StrCat("\"", options.node_id,
                              "\" must be a node name: at most 63 letters, digits, "
                              "\"-\", \"_\" and \".\", a letter or digit at both ends"));
  }
  options.driver_name = absl::GetFlag(FLAGS_driver_name);
  mistakes.Add("--driver-name", identity::CheckDriverName(options.driver_name));
}

void ParseRegistration(Options& options, Mistakes& mistakes) {
  options.registration_dir = absl::GetFlag(FLAGS_registration_dir);
  options.registration_endpoint = absl::GetFlag(FLAGS_kubelet_endpoint);
  if (options.registration_dir.empty()) {
    mistakes.AddUseless("--kubelet-endpoint", options.registration_endpoint, "--registration-dir");
    return;
  }
  if (options.role == Role::kController) {
    mistakes.Add("--registration-dir",
                 absl::StrCat("\"", options.registration_dir,
                              "\": a controller has no kubelet; give it to the nodes"));
  }
  if (options.registration_endpoint.empty()) options.registration_endpoint = options.socket_path;
  for (const auto& [flag, path] :
       {std::pair("--registration-dir", options.registration_dir),
        std::pair("--kubelet-endpoint", options.registration_endpoint)}) {
    if (!absl::StartsWith(path, "/")) {
      mistakes.Add(flag, absl::StrCat("\"", path, "\" must be an absolute path"));
    }
  }
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  absl::SetProgramUsageMessage(kUsage);
  absl::FlagsUsageConfig config;
  config.version_string = [] { return absl::StrCat("nodevol ", kVersion, "\n"); };
  config.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "options.cc");  // the library's own stay with --helpfull
  };
  absl::SetFlagsUsageConfig(config);
  std::vector<std::string> arguments = NormalizeArguments(argc, argv);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  const std::vector<char*> rest =
      absl::ParseCommandLine(static_cast<int>(pointers.size()), pointers.data());

  Options options;
  Mistakes mistakes;
  for (size_t i = 1; i < rest.size(); ++i) mistakes.Add(rest[i], "not a flag; flags begin with --");
  absl::StatusOr<std::string> path = rpc::ParseEndpoint(Endpoint());
  mistakes.Add("--endpoint", path.status());
  if (path.ok()) options.socket_path = *std::move(path);
  ParseIdentity(options, mistakes);
  ParseAdminSocket(options, mistakes);
  ParsePools(options, mistakes);
  ParseStaticPaths(options, mistakes);
  ParseRegistration(options, mistakes);
  ParseLink(options, mistakes);
  ParseKubernetes(options, mistakes);
  mistakes.Add("--log-level", log::ParseLevel(absl::GetFlag(FLAGS_log_level), &options.log_level));
  mistakes.Add("--log-format",
               log::ParseFormat(absl::GetFlag(FLAGS_log_format), &options.log_format));
  options.health = absl::GetFlag(FLAGS_health);
  options.metrics_address = absl::GetFlag(FLAGS_metrics_address);
  if (!options.metrics_address.empty()) {
    mistakes.Add("--metrics-address", rpc::CheckHttpAddress(options.metrics_address));
  }
  const absl::Status valid = mistakes.ToStatus();
  if (!valid.ok()) return valid;
  return options;
}

}  // namespace nodevol
