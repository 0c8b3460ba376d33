// SPDX-License-Identifier: Apache-2.0
//
// nodevol snapshot list.
#include <vector>

#include "absl/time/clock.h"

#include "admin/command.h"
#include "admin/json.h"
#include "admin/listing.h"
#include "admin/volume_view.h"

namespace nodevol::admin {
namespace {

Exit ListSnapshots(const Arguments& arguments, const Streams& streams) {
  const absl::StatusOr<OutputFormat> format = ParseOutputFormat(arguments);
  if (!format.ok()) return Fail(streams, format.status());
  const absl::StatusOr<std::unique_ptr<Client>> client = Connect(arguments);
  if (!client.ok()) return Fail(streams, client.status());
  v1::ListSnapshotsRequest request;
  request.set_volume(arguments.Get("volume"));
  const absl::StatusOr<v1::ListSnapshotsResponse> all = AllSnapshots(**client, request);
  if (!all.ok()) return Fail(streams, all.status());
  streams.out << (*format == OutputFormat::kJson
                      ? ToJson(*all)
                      : SnapshotTable(all->snapshots(), *format == OutputFormat::kWide,
                                      absl::Now()));
  return Exit::kOk;
}

}  // namespace

void AddSnapshotCommands(std::vector<Command>& commands) {
  Command list = {.name = "snapshot list",
                  .summary = "the snapshots of this node",
                  .text =
                      "Lists snapshots. SIZE is the least size of a volume that is made from it, "
                      "PINNED what it\n"
                      "counts with against its pool: what its volume had written when it was cut.",
                  .examples =
                      "  nodevol snapshot list\n"
                      "  nodevol snapshot list --volume pvc-9f6c2a71-7c1e-4f0e-b7a4-1d3b0a5f8e22\n",
                  .options = SocketOptions(),
                  .run = ListSnapshots};
  list.options.push_back({.name = "volume",
                          .value = "ID|NAME",
                          .help = "only those of this volume; an id also when it is deleted"});
  list.options.push_back(OutputOption("table|wide|json"));
  commands.push_back(std::move(list));
}

}  // namespace nodevol::admin
