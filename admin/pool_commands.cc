// SPDX-License-Identifier: Apache-2.0
//
// nodevol pool list.
#include <vector>

#include "absl/strings/str_cat.h"

#include "admin/command.h"
#include "admin/json.h"
#include "admin/table.h"
#include "admin/text.h"
#include "base/bytes.h"

namespace nodevol::admin {
namespace {

using Align = Table::Align;

std::string PoolTable(const v1::ListPoolsResponse& response, bool wide) {
  std::vector<Table::Column> columns = {{"NAME"},
                                        {"STATE"},
                                        {"FILESYSTEM"},
                                        {"CAPACITY", Align::kRight},
                                        {"PROMISED", Align::kRight},
                                        {"AVAILABLE", Align::kRight},
                                        {"KEPT", Align::kRight},
                                        {"VOLUMES", Align::kRight},
                                        {"SNAPSHOTS", Align::kRight},
                                        {"DAMAGED", Align::kRight},
                                        {"PATH"}};
  if (wide) {
    columns.insert(columns.end(), {{"FREE", Align::kRight},
                                   {"WRITTEN", Align::kRight},
                                   {"OTHER", Align::kRight},
                                   {"REFLINK"},
                                   {"DIRECTORIES"},
                                   {"UUID"}});
  }
  Table table(columns);
  for (const v1::Pool& pool : response.pools()) {
    const bool known = !pool.uuid().empty();
    const auto bytes = [known](int64_t value) { return known ? ShortBytes(value) : ""; };
    const auto count = [known](int64_t value) { return known ? absl::StrCat(value) : ""; };
    std::vector<std::string> row = {pool.name(),
                                    pool.state(),
                                    pool.filesystem(),
                                    bytes(pool.capacity_bytes()),
                                    bytes(pool.promised_bytes()),
                                    bytes(pool.available_bytes()),
                                    bytes(pool.kept_bytes()),
                                    count(pool.volumes()),
                                    count(pool.snapshots()),
                                    count(pool.damaged()),
                                    pool.path()};
    if (wide) {
      row.insert(
          row.end(),
          {bytes(pool.free_bytes()), bytes(pool.written_bytes()), bytes(pool.other_bytes()),
           known ? (pool.reflink() ? "yes" : "no") : "", pool.directory_limit(), pool.uuid()});
    }
    table.AddRow(row);
  }
  return table.Text();
}

Exit ListPools(const Arguments& arguments, const Streams& streams) {
  const absl::StatusOr<OutputFormat> format = ParseOutputFormat(arguments);
  if (!format.ok()) return Fail(streams, format.status());
  const absl::StatusOr<std::unique_ptr<Client>> client = Connect(arguments);
  if (!client.ok()) return Fail(streams, client.status());
  const absl::StatusOr<v1::ListPoolsResponse> response =
      (*client)->Call(&Client::Stub::ListPools, v1::ListPoolsRequest());
  if (!response.ok()) return Fail(streams, response.status());
  bool all_ready = true;
  for (const v1::Pool& pool : response->pools()) all_ready &= pool.state() == "ready";
  if (*format == OutputFormat::kJson) {
    streams.out << ToJson(*response);
    return all_ready ? Exit::kOk : Exit::kWrong;
  }
  streams.out << PoolTable(*response, *format == OutputFormat::kWide);
  for (const v1::Pool& pool : response->pools()) {
    if (!pool.reason().empty()) streams.out << "\n" << Printable(pool.reason()) << "\n";
  }
  return all_ready ? Exit::kOk : Exit::kWrong;
}

}  // namespace

void AddPoolCommands(std::vector<Command>& commands) {
  Command list = {
      .name = "pool list",
      .words = "",
      .summary = "the pools of this node: state, space, what is in them",
      .text =
          "Lists the driver's pools. AVAILABLE is the largest volume that could be made now.\n"
          "PROMISED counts volumes with their size, snapshots with what they pin, and deleted\n"
          "volumes that are still kept; these are KEPT, and go when their room is needed. With\n"
          "-o wide: FREE is what the filesystem has left, WRITTEN what the driver's volumes and\n"
          "snapshots occupy, OTHER what else is used, also by the filesystem itself.\n"
          "Ends with 1 when a pool can't be used.",
      .examples =
          "  nodevol pool list\n"
          "  nodevol pool list -o json | jq '.pools[] | select(.state != \"ready\") | .reason'\n",
      .options = SocketOptions(),
      .run = ListPools};
  list.options.push_back(OutputOption("table|wide|json"));
  commands.push_back(std::move(list));
}

}  // namespace nodevol::admin
