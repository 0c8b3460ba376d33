// SPDX-License-Identifier: Apache-2.0
//
// nodevol doctor.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "admin/command.h"
#include "admin/json.h"
#include "admin/text.h"
#include "base/bytes.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::admin {
namespace {

constexpr char kKubeletPath[] = "/var/lib/kubelet";

// What a PersistentVolumeClaim of this size and class would have the provisioner ask for.
absl::StatusOr<v1::DiagnoseRequest> ParseRequest(const Arguments& arguments) {
  v1::DiagnoseRequest request;
  request.set_kubelet_path(arguments.Get("kubelet-dir", kKubeletPath));
  nodevol::v1::VolumeRequest& volume = *request.mutable_request();
  const absl::StatusOr<int64_t> size = ParseQuantity(arguments.Get("size", "1Gi"));
  if (!size.ok()) return Annotate(size.status(), "--size");
  volume.mutable_capacity_range()->set_required_bytes(*size);
  for (const std::string& parameter : arguments.All("parameter")) {
    const std::vector<std::string> parts = absl::StrSplit(parameter, absl::MaxSplits('=', 1));
    if (parts.size() != 2 || parts.front().empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--parameter: \"", parameter, "\" must be KEY=VALUE, such as backend=directory"));
    }
    (*volume.mutable_parameters())[parts.front()] = parts.back();
  }
  nodevol::v1::VolumeCapability& capability = *volume.add_capabilities();
  capability.set_access_mode(nodevol::v1::SINGLE_NODE_WRITER);
  if (!arguments.Has("block")) {
    capability.mutable_mount()->set_fs_type(arguments.Get("fs-type"));
    return request;
  }
  if (arguments.Has("fs-type")) {
    return absl::InvalidArgumentError(
        "--block and --fs-type contradict each other: a raw block "
        "volume has no filesystem; leave one out");
  }
  capability.mutable_block();
  return request;
}

std::string VerdictText(const v1::PoolVerdict& verdict) {
  if (verdict.possible()) {
    return absl::StrCat("yes: ", HumanBytes(verdict.size_bytes()),
                        verdict.backend() == "directory" ? " as a directory"
                        : verdict.fs_type().empty()
                            ? " as a raw block image"
                            : absl::StrCat(" as an image with ", verdict.fs_type()),
                        "; ", HumanBytes(verdict.available_bytes()), " available");
  }
  return absl::StrCat(verdict.asked_for() ? "no: " : "not asked: ", verdict.reason());
}

std::string Describe(const v1::DiagnoseResponse& response) {
  std::string text = absl::StrCat("node ", Printable(response.node().node_id()), ", driver ",
                                  Printable(response.node().driver_name()), " ",
                                  Printable(response.node().version()), "\n\n");
  if (!response.refused().empty()) {
    absl::StrAppend(&text, "No pool can have such a volume: ", Printable(response.refused()), "\n");
  }
  for (const v1::PoolVerdict& verdict : response.verdicts()) {
    absl::StrAppend(&text, "pool ", Printable(verdict.pool()), ": ",
                    Printable(VerdictText(verdict)), "\n");
  }
  absl::StrAppend(&text, "\n");
  size_t width = 0;
  for (const v1::Finding& finding : response.findings()) {
    width = std::max(width, finding.subject().size());
  }
  for (const v1::Finding& finding : response.findings()) {
    const std::string subject = Printable(finding.subject());
    absl::StrAppend(&text, finding.severity(), std::string(9 - finding.severity().size(), ' '),
                    subject, std::string(width + 2 - std::min(width, subject.size()), ' '),
                    Printable(finding.what()), "\n");
  }
  absl::StrAppend(&text, "\n",
                  response.possible()
                      ? absl::StrCat("The volume would be made in pool ", response.pool(), ".\n")
                  : response.pool().empty()
                      ? "The volume would not be made here.\n"
                      : "The volume has room, but the node lacks something for it (problem).\n");
  return text;
}

Exit Diagnose(const Arguments& arguments, const Streams& streams) {
  const absl::StatusOr<OutputFormat> format = ParseOutputFormat(arguments);
  if (!format.ok()) return Fail(streams, format.status());
  const absl::StatusOr<v1::DiagnoseRequest> request = ParseRequest(arguments);
  if (!request.ok()) return Fail(streams, request.status());
  const absl::StatusOr<std::unique_ptr<Client>> client = Connect(arguments);
  if (!client.ok()) return Fail(streams, client.status());
  const absl::StatusOr<v1::DiagnoseResponse> response =
      (*client)->Call(&Client::Stub::Diagnose, *request);
  if (!response.ok()) return Fail(streams, response.status());
  streams.out << (*format == OutputFormat::kJson ? ToJson(*response) : Describe(*response));
  return response->possible() ? Exit::kOk : Exit::kWrong;
}

}  // namespace

void AddDoctorCommand(std::vector<Command>& commands) {
  Command doctor = {
      .name = "doctor",
      .summary = "why a volume can't be made on this node; what the node lacks",
      .text =
          "Asks each pool what it would say to a volume of this size and class, by the code that\n"
          "places real ones, and looks at the node: kernel, programs, devices, mounts, and what "
          "is\n"
          "wrong with pools. Nothing is made or changed. Ends with 0 when the volume would be "
          "made,\n"
          "with 1 when it would not.",
      .examples =
          "  nodevol doctor --size 10Gi\n"
          "  nodevol doctor --size 100Gi --parameter backend=directory --parameter pool=ssd\n"
          "  nodevol doctor --size 1Ti --block\n",
      .options = {{.name = "size",
                   .value = "SIZE",
                   .help = "as in a claim: 10Gi, 500M; default: 1Gi"},
                  {.name = "parameter",
                   .value = "KEY=VALUE",
                   .help = "a parameter of the StorageClass or VolumeAttributesClass; may be\n"
                           "repeated",
                   .repeatable = true},
                  {.name = "fs-type",
                   .value = "TYPE",
                   .help = "the filesystem: ext4, xfs or btrfs; default: what the class says"},
                  {.name = "block", .value = "", .help = "a raw block volume"},
                  {.name = "kubelet-dir",
                   .value = "PATH",
                   .help = "where kubelet has its pods; default: /var/lib/kubelet"}},
      .run = Diagnose};
  for (const Option& option : SocketOptions()) doctor.options.push_back(option);
  doctor.options.push_back(OutputOption("table|json"));
  commands.push_back(std::move(doctor));
}

}  // namespace nodevol::admin
