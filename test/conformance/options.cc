// SPDX-License-Identifier: Apache-2.0
#include "test/conformance/options.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "base/bytes.h"

ABSL_FLAG(std::string, endpoint, "",
          "unix:// path of the driver's socket: Identity, Node, and unless --controller-endpoint "
          "names another, Controller");
ABSL_FLAG(std::string, controller_endpoint, "",
          "unix:// path of the socket of Controller, GroupController and SnapshotMetadata");
ABSL_FLAG(std::vector<std::string>, parameters, {},
          "KEY=VALUE,... of CreateVolumeRequest.parameters");
ABSL_FLAG(std::vector<std::string>, mutable_parameters, {},
          "KEY=VALUE,... that volumes are modified to; their effect is looked at where the suite "
          "knows it (inodeLimit)");
ABSL_FLAG(std::vector<std::string>, secrets, {},
          "KEY=VALUE,... sent as secrets with every request that can have them");
ABSL_FLAG(bool, block, false, "raw block volumes; without it, filesystems");
ABSL_FLAG(std::string, fs_type, "", "fs_type of filesystem volumes; default: the driver's choice");
ABSL_FLAG(int64_t, size, 64 * nodevol::kMiB,
          "bytes of a volume; volumes are filled, and grown to twice as many");
ABSL_FLAG(std::string, work_dir, "/tmp/csi-conformance",
          "staging and target paths are made beneath this directory, which is made if need be");
ABSL_FLAG(std::string, log, "",
          "a file with all that the driver has written so far, searched for secrets; without it "
          "that is not looked at");

namespace nodevol::testing {
namespace {

constexpr char kUsage[] =
    "Examines a CSI driver for what the specification demands and csi-sanity does not look at.\n\n"
    "  nodevol-conformance --endpoint=unix:///run/csi/csi.sock [flags] [--gtest_filter=...]\n\n"
    "It runs on the driver's node, in the driver's mount namespace or one with which it shares\n"
    "mounts, and as root: it looks at what is mounted, mounts over targets, fills volumes, opens\n"
    "devices. What it makes it deletes again. A test that needs a capability which the driver "
    "does\n"
    "not announce asks for the call nevertheless, expects UNIMPLEMENTED, and is skipped.\n"
    "GoogleTest's flags choose tests: --gtest_list_tests, --gtest_filter, --gtest_repeat.\n\n"
    "Flags:";

// The driver's flags have dashes, as these may; the flags library knows underscores.
void NormalizeFlag(char* argument) {
  if (!absl::StartsWith(argument, "--")) return;
  for (char* c = argument + 2; *c != '\0' && *c != '='; ++c) {
    if (*c == '-') *c = '_';
  }
}

class Mistakes {
 public:
  void Add(absl::string_view flag, absl::string_view what) {
    AddText(absl::StrCat("--", flag, ": ", what));
  }
  void AddText(std::string text) { texts_.push_back(std::move(text)); }
  [[nodiscard]] absl::Status ToStatus() const {
    if (texts_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(texts_, "\n"));
  }

 private:
  std::vector<std::string> texts_;
};

std::string ParseSocket(absl::string_view flag, absl::string_view endpoint, Mistakes& mistakes) {
  if (!absl::ConsumePrefix(&endpoint, "unix://") || !absl::StartsWith(endpoint, "/")) {
    mistakes.Add(flag, absl::StrCat("\"", endpoint, "\" must be like unix:///run/csi/csi.sock"));
  }
  return std::string(endpoint);
}

Parameters ParsePairs(absl::string_view flag, const std::vector<std::string>& texts,
                      Mistakes& mistakes) {
  Parameters pairs;
  for (const std::string& text : texts) {
    std::pair<std::string, std::string> pair = absl::StrSplit(text, absl::MaxSplits('=', 1));
    if (pair.first.empty() || !absl::StrContains(text, '=')) {
      mistakes.Add(flag, absl::StrCat("\"", text, "\" must be KEY=VALUE"));
    }
    pairs.insert(std::move(pair));
  }
  return pairs;
}

}  // namespace

absl::StatusOr<ConformanceOptions> ParseConformanceOptions(int argc, char** argv) {
  std::for_each(argv + 1, argv + argc, NormalizeFlag);
  absl::SetProgramUsageMessage(kUsage);
  absl::FlagsUsageConfig config;
  config.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "conformance/options.cc");
  };
  absl::SetFlagsUsageConfig(config);
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);

  Mistakes mistakes;
  for (size_t i = 1; i < rest.size(); ++i) {
    mistakes.AddText(absl::StrCat(rest[i], ": not a flag; flags begin with --"));
  }
  ConformanceOptions options;
  options.socket_path = ParseSocket("endpoint", absl::GetFlag(FLAGS_endpoint), mistakes);
  const std::string controller = absl::GetFlag(FLAGS_controller_endpoint);
  options.controller_socket_path = controller.empty()
                                       ? options.socket_path
                                       : ParseSocket("controller-endpoint", controller, mistakes);
  const std::string fs_type = absl::GetFlag(FLAGS_fs_type);
  const bool block = absl::GetFlag(FLAGS_block);
  if (block && !fs_type.empty()) mistakes.Add("fs-type", "a block volume has none");
  options.capability = block ? BlockCapability() : MountCapability(fs_type);
  options.volume_bytes = absl::GetFlag(FLAGS_size);
  if (options.volume_bytes < kMiB) mistakes.Add("size", "must be at least 1048576");
  options.parameters = ParsePairs("parameters", absl::GetFlag(FLAGS_parameters), mistakes);
  options.mutable_parameters =
      ParsePairs("mutable-parameters", absl::GetFlag(FLAGS_mutable_parameters), mistakes);
  options.secrets = ParsePairs("secrets", absl::GetFlag(FLAGS_secrets), mistakes);
  options.work_directory = absl::GetFlag(FLAGS_work_dir);
  if (!absl::StartsWith(options.work_directory, "/")) {
    mistakes.Add("work-dir", absl::StrCat("\"", options.work_directory, "\" must be absolute"));
  }
  options.log_path = absl::GetFlag(FLAGS_log);
  const absl::Status valid = mistakes.ToStatus();
  if (!valid.ok()) return valid;
  return options;
}

}  // namespace nodevol::testing
