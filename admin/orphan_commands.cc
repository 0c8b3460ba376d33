// SPDX-License-Identifier: Apache-2.0
//
// nodevol orphans.
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "admin/command.h"
#include "admin/json.h"
#include "admin/listing.h"
#include "admin/orphans.h"
#include "admin/text.h"
#include "admin/volume_view.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace nodevol::admin {
namespace {

constexpr char kHandles[] = "handles";
constexpr char kSnapshotHandles[] = "snapshot-handles";
constexpr char kDefaultAge[] = "1h";

absl::StatusOr<std::string> ReadAll(std::istream& in, const std::string& name) {
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.bad()) return text;
  return absl::FailedPreconditionError(absl::StrCat(name, " can't be read"));
}

// When the file was last written: what it says is as old as that.
absl::Time TimeOf(const std::string& file) {
  struct stat info = {};
  if (::stat(file.c_str(), &info) != 0) return absl::InfinitePast();
  return std::min(absl::Now(), absl::TimeFromTimespec(info.st_mtim));
}

// The list that the option names; nullopt when it is not given.
absl::StatusOr<std::optional<Handles>> ReadHandles(const Arguments& arguments,
                                                   const std::string& option,
                                                   const Streams& streams) {
  if (!arguments.Has(option)) return std::optional<Handles>();
  const std::string file = arguments.Get(option);
  std::string text;
  if (file == "-") {
    ASSIGN_OR_RETURN(text, ReadAll(streams.in, "standard input"));
  } else {
    std::ifstream in(file);
    if (!in.is_open()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", option, ": ", file,
                       " can't be opened; name a file, or - for standard "
                       "input"));
    }
    ASSIGN_OR_RETURN(text, ReadAll(in, file));
  }
  ASSIGN_OR_RETURN(Handles handles, ParseHandles(text));
  handles.made = file == "-" ? absl::Now() : TimeOf(file);
  return std::optional<Handles>(std::move(handles));
}

struct Lists {
  std::optional<Handles> volumes;
  std::optional<Handles> snapshots;
};

absl::StatusOr<Lists> ReadLists(const Arguments& arguments, const Streams& streams) {
  Lists lists;
  if (arguments.Get(kHandles) == "-" && arguments.Get(kSnapshotHandles) == "-") {
    return absl::InvalidArgumentError("only one of the two lists can be on standard input");
  }
  ASSIGN_OR_RETURN(lists.volumes, ReadHandles(arguments, kHandles, streams));
  ASSIGN_OR_RETURN(lists.snapshots, ReadHandles(arguments, kSnapshotHandles, streams));
  if (!lists.volumes.has_value() && !lists.snapshots.has_value()) {
    return absl::InvalidArgumentError(
        "--handles, --snapshot-handles or both are needed; see nodevol orphans --help for the "
        "commands that make the lists");
  }
  const bool none_expected = arguments.Has("no-volumes-expected");
  if (lists.volumes.has_value()) {
    RETURN_IF_ERROR(CheckComplete(*lists.volumes, none_expected, "--handles"));
  }
  if (lists.snapshots.has_value()) {
    RETURN_IF_ERROR(CheckComplete(*lists.snapshots, none_expected, "--snapshot-handles"));
  }
  return lists;
}

absl::StatusOr<v1::OrphanReport> FindOrphans(const Arguments& arguments, const Lists& lists,
                                             Client& client) {
  const absl::StatusOr<absl::Duration> age = ParseAge(arguments.Get("min-age", kDefaultAge));
  if (!age.ok()) return Annotate(age.status(), "--min-age");
  v1::OrphanReport report;
  if (lists.volumes.has_value()) {
    ASSIGN_OR_RETURN(const v1::ListVolumesResponse all, AllVolumes(client, {}));
    AddOrphans(*lists.volumes, *age, all, report);
  }
  if (lists.snapshots.has_value()) {
    ASSIGN_OR_RETURN(const v1::ListSnapshotsResponse all, AllSnapshots(client, {}));
    AddOrphans(*lists.snapshots, *age, all, report);
  }
  return report;
}

void Note(const std::string& id, const absl::Status& deleted, v1::OrphanReport& report) {
  v1::OrphanReport::Deletion& deletion = *report.add_deletions();
  deletion.set_id(id);
  deletion.set_deleted(deleted.ok());
  deletion.set_error(std::string(deleted.message()));
}

void DeleteAll(Client& client, v1::OrphanReport& report) {
  for (const v1::Volume& volume : report.volumes()) {
    v1::DeleteVolumeRequest request;
    request.set_volume_id(volume.id());
    Note(volume.id(), client.Call(&Client::Stub::DeleteVolume, request).status(), report);
  }
  for (const v1::Snapshot& snapshot : report.snapshots()) {
    v1::DeleteSnapshotRequest request;
    request.set_snapshot_id(snapshot.id());
    Note(snapshot.id(), client.Call(&Client::Stub::DeleteSnapshot, request).status(), report);
  }
}

std::string Describe(const v1::OrphanReport& report, const Lists& lists) {
  std::string text;
  if (lists.volumes.has_value()) {
    absl::StrAppend(&text, report.volumes().empty()
                               ? "Every volume has a PersistentVolume.\n"
                               : VolumeTable(report.volumes(), true, absl::Now()));
  }
  if (lists.snapshots.has_value()) {
    absl::StrAppend(&text, text.empty() ? "" : "\n",
                    report.snapshots().empty()
                        ? "Every snapshot has a VolumeSnapshotContent.\n"
                        : SnapshotTable(report.snapshots(), true, absl::Now()));
  }
  if (report.too_young() > 0) {
    absl::StrAppend(&text, "\n", report.too_young(),
                    " more are younger than --min-age and left out.\n");
  }
  if (!report.deletions().empty()) absl::StrAppend(&text, "\n");
  for (const v1::OrphanReport::Deletion& deletion : report.deletions()) {
    absl::StrAppend(&text, deletion.id(),
                    deletion.deleted()
                        ? " deleted"
                        : absl::StrCat(" not deleted: ", Printable(deletion.error())),
                    "\n");
  }
  return text;
}

bool AllDeleted(const v1::OrphanReport& report) {
  for (const v1::OrphanReport::Deletion& deletion : report.deletions()) {
    if (!deletion.deleted()) return false;
  }
  return true;
}

Exit Orphans(const Arguments& arguments, const Streams& streams) {
  const absl::StatusOr<OutputFormat> format = ParseOutputFormat(arguments);
  if (!format.ok()) return Fail(streams, format.status());
  const absl::StatusOr<Lists> lists = ReadLists(arguments, streams);
  if (!lists.ok()) return Fail(streams, lists.status());
  const absl::StatusOr<std::unique_ptr<Client>> client = Connect(arguments);
  if (!client.ok()) return Fail(streams, client.status());
  absl::StatusOr<v1::OrphanReport> report = FindOrphans(arguments, *lists, **client);
  if (!report.ok()) return Fail(streams, report.status());
  const bool found = !report->volumes().empty() || !report->snapshots().empty();
  const bool unsaid = arguments.Has("delete") && !arguments.Has("yes");
  if (arguments.Has("delete") && !unsaid) DeleteAll(**client, *report);
  streams.out << (*format == OutputFormat::kJson ? ToJson(*report) : Describe(*report, *lists));
  if (unsaid) {
    streams.err << "nodevol: nothing was deleted: read the list, then say --delete --yes\n";
    return Exit::kUsage;
  }
  if (!AllDeleted(*report)) return Exit::kWrong;
  return found && arguments.Has("fail") ? Exit::kWrong : Exit::kOk;
}

}  // namespace

void AddOrphanCommands(std::vector<Command>& commands) {
  Command orphans = {
      .name = "orphans",
      .summary = "volumes that no PersistentVolume names, and their deletion",
      .text =
          "Lists the volumes of this node that are in no PersistentVolume, and snapshots that are\n"
          "in no VolumeSnapshotContent. The driver does not ask Kubernetes: give it the handles "
          "of\n"
          "all of them in the cluster, one a line. These commands print them:\n\n"
          "  kubectl get pv -o jsonpath='{range .items[*]}{.spec.csi.volumeHandle}{\"\\n\"}{end}'\n"
          "  kubectl get volumesnapshotcontent \\\n"
          "      -o jsonpath='{range .items[*]}{.status.snapshotHandle}{\"\\n\"}{end}'\n\n"
          "A list without any handle of this driver, or that ends within a line, is refused: the\n"
          "command that made it may have failed. Inline and damaged volumes are never listed.\n"
          "--delete deletes what is listed as Kubernetes would: what is in use is refused, what "
          "has\n"
          "an undeleteWindow can be had back. Ends with 1 when something could not be deleted, "
          "or,\n"
          "with --fail, when there are orphans.",
      .examples =
          "  kubectl get pv -o jsonpath='{range .items[*]}{.spec.csi.volumeHandle}{\"\\n\"}{end}' "
          "|\n"
          "      nodevol orphans --handles -\n"
          "  nodevol orphans --handles pv-handles --delete --yes\n",
      .options = {{.name = kHandles,
                   .value = "FILE|-",
                   .help = "the handles of all PersistentVolumes; - is standard input"},
                  {.name = kSnapshotHandles,
                   .value = "FILE|-",
                   .help = "the handles of all VolumeSnapshotContents"},
                  {.name = "min-age",
                   .value = "DURATION",
                   .help = "leave out what was younger when the list was made (a file:\n"
                           "when it was written), since a volume is made before its\n"
                           "PersistentVolume; default: 1h"},
                  {.name = "delete", .value = "", .help = "delete what is listed; needs --yes"},
                  {.name = "yes", .value = "", .help = "yes, delete"},
                  {.name = "no-volumes-expected",
                   .value = "",
                   .help = "a list without any handle of this driver is right"},
                  {.name = "fail", .value = "", .help = "end with 1 when there are orphans"}},
      .run = Orphans};
  for (const Option& option : SocketOptions()) orphans.options.push_back(option);
  orphans.options.push_back(OutputOption("table|json"));
  commands.push_back(std::move(orphans));
}

}  // namespace nodevol::admin
