// SPDX-License-Identifier: Apache-2.0
//
// nodevol volume list, volume show, undelete.
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "admin/command.h"
#include "admin/json.h"
#include "admin/listing.h"
#include "admin/persistent_volume.h"
#include "admin/text.h"
#include "admin/volume_view.h"
#include "base/status_macros.h"

namespace nodevol::admin {
namespace {

Exit ListVolumes(const Arguments& arguments, const Streams& streams) {
  const absl::StatusOr<OutputFormat> format = ParseOutputFormat(arguments);
  if (!format.ok()) return Fail(streams, format.status());
  const absl::StatusOr<std::unique_ptr<Client>> client = Connect(arguments);
  if (!client.ok()) return Fail(streams, client.status());
  v1::ListVolumesRequest request;
  request.set_pool(arguments.Get("pool"));
  request.set_deleted(arguments.Has("deleted"));
  const absl::StatusOr<v1::ListVolumesResponse> all = AllVolumes(**client, request);
  if (!all.ok()) return Fail(streams, all.status());
  const bool wide = *format == OutputFormat::kWide;
  if (*format == OutputFormat::kJson) {
    streams.out << ToJson(*all);
  } else if (request.deleted()) {
    streams.out << DeletedVolumeTable(all->volumes(), wide, absl::Now());
  } else {
    streams.out << VolumeTable(all->volumes(), wide, absl::Now());
  }
  return Exit::kOk;
}

absl::StatusOr<v1::GetVolumeResponse> GetVolume(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Connect(arguments));
  v1::GetVolumeRequest request;
  request.set_volume(arguments.words().front());
  return client->Call(&Client::Stub::GetVolume, request);
}

Exit ShowVolume(const Arguments& arguments, const Streams& streams) {
  const std::string output = arguments.Get("output", "table");
  if (output != "pv") {
    const absl::StatusOr<OutputFormat> format = ParseOutputFormat(arguments);
    if (!format.ok()) return Fail(streams, format.status());
  }
  const absl::StatusOr<v1::GetVolumeResponse> response = GetVolume(arguments);
  if (!response.ok()) return Fail(streams, response.status());
  if (output == "pv") {
    const absl::StatusOr<std::string> yaml =
        PersistentVolumeYaml(*response, arguments.Get("storage-class"));
    if (!yaml.ok()) return Fail(streams, yaml.status());
    streams.out << *yaml;
    return Exit::kOk;
  }
  streams.out << (output == "json" ? ToJson(*response) : VolumeText(*response, absl::Now()));
  return response->volume().state() == "damaged" ? Exit::kWrong : Exit::kOk;
}

Exit UndeleteVolume(const Arguments& arguments, const Streams& streams) {
  const absl::StatusOr<OutputFormat> format = ParseOutputFormat(arguments);
  if (!format.ok()) return Fail(streams, format.status());
  const absl::StatusOr<std::unique_ptr<Client>> client = Connect(arguments);
  if (!client.ok()) return Fail(streams, client.status());
  v1::UndeleteVolumeRequest request;
  request.set_volume(arguments.words().front());
  const absl::StatusOr<v1::UndeleteVolumeResponse> response =
      (*client)->Call(&Client::Stub::UndeleteVolume, request);
  if (!response.ok()) return Fail(streams, response.status());
  if (*format == OutputFormat::kJson) {
    streams.out << ToJson(*response);
    return Exit::kOk;
  }
  const v1::Volume& volume = response->volume();
  streams.out << "volume " << Printable(volume.name()) << " (" << volume.id()
              << ") is back in pool " << volume.pool()
              << ".\nIf its PersistentVolume is gone, make a new one:\n\n  nodevol volume show "
              << volume.id() << " -o pv --storage-class CLASS | kubectl apply -f -\n";
  return Exit::kOk;
}

Command ListCommand() {
  Command list = {
      .name = "volume list",
      .summary = "the volumes of this node, or the deleted ones that can be had back",
      .text =
          "Lists volumes. NAME is the one in the create request, in Kubernetes that of the\n"
          "PersistentVolume. WRITTEN is what the volume occupies in its pool, as of a minute ago.\n"
          "STATE: mounted (a pod uses it), published (ControllerPublishVolume), idle, damaged "
          "(the\n"
          "reason is beneath the table); \"inline\" marks a volume of one pod, without a\n"
          "PersistentVolume. With -o wide also the id and where it is mounted.",
      .examples =
          "  nodevol volume list\n"
          "  nodevol volume list --pool ssd -o wide\n"
          "  nodevol volume list --deleted\n"
          "  nodevol volume list -o json | jq '.volumes | sort_by(-.written_bytes) | .[0]'\n",
      .options = SocketOptions(),
      .run = ListVolumes};
  list.options.push_back({.name = "pool", .value = "NAME", .help = "only those of this pool"});
  list.options.push_back(
      {.name = "deleted", .value = "", .help = "deleted volumes that undelete can bring back"});
  list.options.push_back(OutputOption("table|wide|json"));
  return list;
}

Command ShowCommand() {
  Command show = {
      .name = "volume show",
      .words = "ID|NAME",
      .summary = "everything about one volume; -o pv: a PersistentVolume for it",
      .text =
          "Shows what is known of a volume: its whole record, where it is mounted and how full it\n"
          "is now, and its snapshots. Deleted volumes that are kept, and damaged ones, are found\n"
          "too. -o pv prints a PersistentVolume in YAML, for a volume that was undeleted or whose\n"
          "PersistentVolume was lost; read it before you apply it. Ends with 1 when the volume is\n"
          "damaged, or can't have a PersistentVolume; with 4 when there is none of that name.",
      .examples =
          "  nodevol volume show pvc-9f6c2a71-7c1e-4f0e-b7a4-1d3b0a5f8e22\n"
          "  nodevol volume show pvc-9f6c2a71-7c1e-4f0e-b7a4-1d3b0a5f8e22 -o json\n"
          "  nodevol volume show pvc-9f6c2a71-7c1e-4f0e-b7a4-1d3b0a5f8e22 -o pv \\\n"
          "      --storage-class local | kubectl apply -f -\n",
      .options = SocketOptions(),
      .least_words = 1,
      .most_words = 1,
      .run = ShowVolume};
  show.options.push_back({.name = "storage-class",
                          .value = "CLASS",
                          .help = "with -o pv: the class of the claim that is to be bound to it"});
  show.options.push_back(OutputOption("table|json|pv"));
  return show;
}

Command UndeleteCommand() {
  Command undelete = {
      .name = "undelete",
      .words = "ID|NAME",
      .summary = "bring a deleted volume back",
      .text =
          "Brings a volume back that was deleted, as it was; nodevol volume list --deleted lists\n"
          "those that can be. Of several of one name the one that was deleted last comes back.\n"
          "Ends with 4 when it is not kept, with 1 when a new volume of the name exists or its "
          "room\n"
          "was given to others.",
      .examples = "  nodevol undelete pvc-9f6c2a71-7c1e-4f0e-b7a4-1d3b0a5f8e22\n",
      .options = SocketOptions(),
      .least_words = 1,
      .most_words = 1,
      .run = UndeleteVolume};
  undelete.options.push_back(OutputOption("table|json"));
  return undelete;
}

}  // namespace

void AddVolumeCommands(std::vector<Command>& commands) {
  commands.push_back(ListCommand());
  commands.push_back(ShowCommand());
  commands.push_back(UndeleteCommand());
}

}  // namespace nodevol::admin
