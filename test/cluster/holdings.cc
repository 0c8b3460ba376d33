// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/holdings.h"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "proto/storage.pb.h"
#include "storage/layout.h"
#include "storage/record_file.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

using Controller = CsiClient::Controller;

constexpr size_t kMostLines = 12;

// Ids come in their order, each once, whatever the pages.
absl::Status TakeInOrder(const std::string& id, std::string& last) {
  if (id <= last) {
    return absl::InternalError(absl::StrCat("the list has ", id, " after ", last));
  }
  last = id;
  return absl::OkStatus();
}

absl::Status AddListedVolumes(VolumeClient& client, int page, Holdings& found) {
  csi::v1::ListVolumesRequest request;
  request.set_max_entries(page);
  std::string last;
  do {
    ASSIGN_OR_RETURN(const csi::v1::ListVolumesResponse response,
                     client.csi().Call(&Controller::ListVolumes, request));
    for (const auto& entry : response.entries()) {
      const csi::v1::Volume& volume = entry.volume();
      RETURN_IF_ERROR(TakeInOrder(volume.volume_id(), last));
      found.insert(VolumeLine(volume.volume_id(), NodeNameOf(volume), volume.capacity_bytes()));
    }
    request.set_starting_token(response.next_token());
  } while (!request.starting_token().empty());
  return absl::OkStatus();
}

absl::Status AddListedSnapshots(VolumeClient& client, int page, Holdings& found) {
  csi::v1::ListSnapshotsRequest request;
  request.set_max_entries(page);
  std::string last;
  do {
    ASSIGN_OR_RETURN(const csi::v1::ListSnapshotsResponse response,
                     client.csi().Call(&Controller::ListSnapshots, request));
    for (const auto& entry : response.entries()) {
      const csi::v1::Snapshot& snapshot = entry.snapshot();
      RETURN_IF_ERROR(TakeInOrder(snapshot.snapshot_id(), last));
      found.insert(SnapshotLine(snapshot.snapshot_id(), snapshot.source_volume_id()));
    }
    request.set_starting_token(response.next_token());
  } while (!request.starting_token().empty());
  return absl::OkStatus();
}

// The record of each object in the directory.
template <typename Record>
absl::StatusOr<std::vector<Record>> ReadRecords(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd directory, host::OpenPath(path, O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, host::ListDirectory(directory.get()));
  std::vector<Record> records;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const UniqueFd object, host::OpenDirectory(directory.get(), name));
    RETURN_IF_ERROR(
        storage::ReadRecord(object.get(), storage::kRecordFile, records.emplace_back()));
    if (records.back().id() == name) continue;
    return absl::InternalError(absl::StrCat(path, "/", name, " is ", records.back().id()));
  }
  return records;
}

// Inside the node.
absl::Status AddFromDisk(const std::string& node, const std::string& pool, Holdings& found) {
  for (const char* const unfinished : {storage::kStagingDirectory, storage::kTrashDirectory}) {
    RETURN_IF_ERROR(CheckEmpty(absl::StrCat(pool, "/", storage::kMetaDirectory, "/", unfinished)));
  }
  ASSIGN_OR_RETURN(
      const std::vector<v1::VolumeRecord> volumes,
      ReadRecords<v1::VolumeRecord>(absl::StrCat(pool, "/", storage::kVolumesDirectory)));
  for (const v1::VolumeRecord& volume : volumes) {
    found.insert(VolumeLine(volume.id(), node, volume.size_bytes()));
  }
  ASSIGN_OR_RETURN(
      const std::vector<v1::SnapshotRecord> snapshots,
      ReadRecords<v1::SnapshotRecord>(absl::StrCat(pool, "/", storage::kSnapshotsDirectory)));
  for (const v1::SnapshotRecord& snapshot : snapshots) {
    found.insert(SnapshotLine(snapshot.id(), snapshot.request().source_volume_id()));
  }
  return absl::OkStatus();
}

std::vector<std::string> OnlyIn(const Holdings& these, const Holdings& others) {
  std::vector<std::string> lines;
  std::set_difference(these.begin(), these.end(), others.begin(), others.end(),
                      std::back_inserter(lines));
  if (lines.size() > kMostLines) {
    const size_t more = lines.size() - kMostLines;
    lines.resize(kMostLines);
    lines.push_back(absl::StrCat("and ", more, " more"));
  }
  return lines;
}

}  // namespace

std::string VolumeLine(const std::string& id, const std::string& node, int64_t bytes) {
  return absl::StrCat("volume ", id, " on ", node, " of ", bytes, " bytes");
}

std::string SnapshotLine(const std::string& id, const std::string& source_volume_id) {
  return absl::StrCat("snapshot ", id, " of ", source_volume_id);
}

absl::StatusOr<Holdings> ListedBy(const Cluster& cluster, size_t replica, int page) {
  VolumeClient client = cluster.ClientOf(replica);
  Holdings found;
  RETURN_IF_ERROR(AddListedVolumes(client, page, found));
  RETURN_IF_ERROR(AddListedSnapshots(client, page, found));
  return found;
}

absl::StatusOr<Holdings> OnDisks(const Cluster& cluster) {
  Holdings found;
  for (size_t i = 0; i < Cluster::kNodes; ++i) {
    const ClusterNode& node = cluster.node(i);
    const absl::Status read =
        node.inside().Run([&] { return AddFromDisk(node.name(), node.pool_path(), found); });
    RETURN_IF_ERROR(Annotate(read, node.name()));
  }
  return found;
}

absl::Status CheckSame(absl::string_view where, const Holdings& expected, const Holdings& found) {
  const std::vector<std::string> missing = OnlyIn(expected, found);
  const std::vector<std::string> more = OnlyIn(found, expected);
  if (missing.empty() && more.empty()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      where, ", of ", expected.size(), " expected:\nmissing:\n  ", absl::StrJoin(missing, "\n  "),
      "\nnot expected:\n  ", absl::StrJoin(more, "\n  ")));
}

}  // namespace nodevol::testing
