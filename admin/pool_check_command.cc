// SPDX-License-Identifier: Apache-2.0
//
// nodevol pool check: on the pool's files, read-only, with or without a driver.
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "admin/command.h"
#include "admin/json.h"
#include "admin/text.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "storage/pool_check.h"

namespace nodevol::admin {
namespace {

using Severity = storage::PoolFinding::Severity;

const char* NameOf(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kDamage:
      return "damage";
  }
  return "";
}

// The worst first.
v1::PoolReport ToReport(const storage::PoolCheck& check) {
  v1::PoolReport report;
  report.set_path(check.path);
  report.set_uuid(check.uuid);
  report.set_filesystem(check.filesystem);
  report.set_directory_limit(check.directory_limit);
  report.set_owner(check.owner);
  report.set_damaged(check.Damaged());
  report.set_volumes(check.volumes);
  report.set_snapshots(check.snapshots);
  report.set_deleted_volumes(check.deleted_volumes);
  report.set_trash_entries(check.trash_entries);
  report.set_staging_entries(check.staging_entries);
  report.set_volume_bytes(check.volume_bytes);
  report.set_snapshot_bytes(check.snapshot_bytes);
  report.set_deleted_bytes(check.deleted_bytes);
  report.set_written_bytes(check.written_bytes);
  report.set_filesystem_bytes(check.filesystem_bytes);
  report.set_available_bytes(check.available_bytes);
  report.set_reserve_bytes(check.reserve_bytes);
  for (const Severity severity : {Severity::kDamage, Severity::kWarning, Severity::kNote}) {
    for (const storage::PoolFinding& finding : check.findings) {
      if (finding.severity != severity) continue;
      v1::PoolReport::PoolFinding& message = *report.add_findings();
      message.set_severity(NameOf(severity));
      message.set_path(finding.path);
      message.set_what(finding.what);
    }
  }
  return report;
}

std::string Describe(const v1::PoolReport& report) {
  std::string text = absl::StrCat(
      "pool ", report.uuid().empty() ? "of unknown UUID" : report.uuid(), " at ",
      Printable(report.path()), ", ", report.filesystem(),
      report.owner().empty() ? ", no driver runs on it"
                             : absl::StrCat(", owned by ", Printable(report.owner())),
      "\n\n  volumes           ", report.volumes(), ", ", HumanBytes(report.volume_bytes()),
      "\n  snapshots         ", report.snapshots(), ", ", HumanBytes(report.snapshot_bytes()),
      " pinned\n  deleted volumes   ", report.deleted_volumes(), ", ",
      HumanBytes(report.deleted_bytes()), "\n  written           ",
      HumanBytes(report.written_bytes()), "\n  filesystem        ",
      HumanBytes(report.filesystem_bytes()), ", ", HumanBytes(report.available_bytes()),
      " available\n  reserve           ", HumanBytes(report.reserve_bytes()),
      "\n  being built       ", report.staging_entries(), "\n  being removed     ",
      report.trash_entries(), "\n\n");
  for (const v1::PoolReport::PoolFinding& finding : report.findings()) {
    absl::StrAppend(&text, finding.severity(), ": ",
                    finding.path().empty() ? "the pool" : Printable(finding.path()), " ",
                    Printable(finding.what()), "\n");
  }
  absl::StrAppend(&text, report.findings().empty() ? "" : "\n",
                  report.damaged() ? "The pool is damaged.\n" : "No damage was found.\n");
  return text;
}

// A name is one of the driver's.
absl::StatusOr<std::string> PathOf(const Arguments& arguments) {
  const std::string& word = arguments.words().front();
  if (absl::StrContains(word, '/')) return word;
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Connect(arguments));
  ASSIGN_OR_RETURN(const v1::ListPoolsResponse response,
                   client->Call(&Client::Stub::ListPools, v1::ListPoolsRequest()));
  for (const v1::Pool& pool : response.pools()) {
    if (pool.name() == word) return pool.path();
  }
  return absl::NotFoundError(
      absl::StrCat("the driver has no pool \"", word, "\"; see nodevol pool list, or name a path"));
}

Exit CheckPool(const Arguments& arguments, const Streams& streams) {
  const absl::StatusOr<OutputFormat> format = ParseOutputFormat(arguments);
  if (!format.ok()) return Fail(streams, format.status());
  const absl::StatusOr<std::string> path = PathOf(arguments);
  if (!path.ok()) return Fail(streams, path.status());
  const absl::StatusOr<storage::PoolCheck> check = storage::CheckPool(*path);
  if (!check.ok()) return Fail(streams, check.status());
  const v1::PoolReport report = ToReport(*check);
  streams.out << (*format == OutputFormat::kJson ? ToJson(report) : Describe(report));
  return report.damaged() ? Exit::kWrong : Exit::kOk;
}

}  // namespace

void AddPoolCheckCommand(std::vector<Command>& commands) {
  Command check = {
      .name = "pool check",
      .words = "PATH|NAME",
      .summary = "compare a pool's files with what they should be; changes nothing",
      .text =
          "Looks at all of a pool: its marker and disk, the checksum and id of each record, "
          "whether\n"
          "the content is there and as large as the record says, size limits in the kernel, what "
          "is\n"
          "left in staging and trash, and what is not the driver's. It reads only, and may be run\n"
          "with or without a driver on the pool; a NAME, without a slash, needs the driver.\n"
          "Ends with 1 when it found damage: something that can't be used, or is not what was\n"
          "promised. Warnings and notes are no damage. It does not check the filesystems inside\n"
          "images, nor that of the pool.",
      .examples =
          "  nodevol pool check ssd\n"
          "  nodevol pool check /mnt/ssd\n"
          "  nodevol pool check ssd -o json | jq '.findings[] | select(.severity==\"damage\")'\n",
      .options = SocketOptions(),
      .least_words = 1,
      .most_words = 1,
      .run = CheckPool};
  check.options.push_back(OutputOption("table|json"));
  commands.push_back(std::move(check));
}

}  // namespace nodevol::admin
