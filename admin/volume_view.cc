// SPDX-License-Identifier: Apache-2.0
#include "admin/volume_view.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "admin/table.h"
#include "admin/text.h"
#include "base/bytes.h"

namespace nodevol::admin {
namespace {

using Align = Table::Align;
using google::protobuf::RepeatedPtrField;

// What can't be read of a damaged object is "-".
std::string SizeOf(int64_t bytes, absl::string_view state) {
  return state == "damaged" ? "" : ShortBytes(bytes);
}

std::string StateOf(const v1::Volume& volume) {
  return volume.inline_target_path().empty() ? volume.state()
                                             : absl::StrCat(volume.state(), ", inline");
}

// The reasons behind a table, a paragraph each.
template <typename Object>
std::string ReasonsOf(const RepeatedPtrField<Object>& objects) {
  std::string text;
  for (const Object& object : objects) {
    if (object.reason().empty()) continue;
    absl::StrAppend(&text, "\n", Printable(object.id()), ": ", Printable(object.reason()), "\n");
  }
  return text;
}

// Lines of "name  value"; values of several lines stand beneath each other.
class Lines {
 public:
  void Add(absl::string_view name, const std::vector<std::string>& values) {
    constexpr size_t kWidth = 20;
    std::string title(name);
    for (const std::string& value : values) {
      if (value.empty()) continue;
      title.resize(kWidth, ' ');
      absl::StrAppend(&text_, title, Printable(value), "\n");
      title.clear();
    }
  }
  void Add(absl::string_view name, const std::string& value) {
    Add(name, std::vector<std::string>{value});
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::vector<std::string> EntriesOf(const google::protobuf::Map<std::string, std::string>& map) {
  std::vector<std::string> entries;
  for (const auto& [key, value] : std::map<std::string, std::string>(map.begin(), map.end())) {
    entries.push_back(absl::StrCat(key, "=", value));
  }
  return entries;
}

std::string TimeAndAge(const google::protobuf::Timestamp& time, absl::Time now) {
  if (time.seconds() == 0) return "";
  return absl::StrCat(FormatTime(time), " (", FormatAge(time, now), " ago)");
}

std::string CapabilityText(const nodevol::v1::VolumeCapability& capability) {
  return absl::StrCat(
      nodevol::v1::AccessMode_Name(capability.access_mode()),
      capability.has_block() ? ", block" : ", filesystem",
      capability.mount().fs_type().empty() ? "" : absl::StrCat(" ", capability.mount().fs_type()),
      capability.mount().mount_flags().empty()
          ? ""
          : absl::StrCat(", options ", absl::StrJoin(capability.mount().mount_flags(), ",")));
}

void AddRecord(const nodevol::v1::VolumeRecord& record, Lines& lines) {
  const nodevol::v1::VolumeRequest& request = record.request();
  std::vector<std::string> capabilities;
  for (const auto& capability : request.capabilities()) {
    capabilities.push_back(CapabilityText(capability));
  }
  lines.Add("capabilities", capabilities);
  lines.Add("parameters", EntriesOf(request.parameters()));
  lines.Add("mutable parameters", EntriesOf(request.mutable_parameters()));
  if (request.content_source().has_snapshot_id()) {
    lines.Add("made from", absl::StrCat("snapshot ", request.content_source().snapshot_id()));
  } else if (request.content_source().has_volume_id()) {
    lines.Add("made from", absl::StrCat("volume ", request.content_source().volume_id()));
  }
  lines.Add("volume context", EntriesOf(record.volume_context()));
  const nodevol::v1::VolumeAttributes& attributes = record.attributes();
  if (attributes.inode_limit() > 0)
    lines.Add("inode limit", absl::StrCat(attributes.inode_limit()));
  lines.Add("undelete window",
            attributes.undelete_window_seconds() == 0
                ? "none: deleted is gone"
                : absl::FormatDuration(absl::Seconds(attributes.undelete_window_seconds())));
  if (attributes.discard()) lines.Add("discard", "freed space goes back to the pool at once");
  if (record.has_publication()) lines.Add("published to", record.publication().node_id());
  if (record.has_ephemeral()) {
    lines.Add("inline volume", absl::StrCat(record.ephemeral().volume_id(), " of the pod at ",
                                            record.ephemeral().target_path()));
  }
  lines.Add("generation", absl::StrCat(record.generation()));
}

void AddUse(const v1::GetVolumeResponse& response, Lines& lines) {
  std::vector<std::string> mounts;
  for (const v1::Mount& mount : response.mounts()) {
    mounts.push_back(mount.access_mode().empty()
                         ? mount.path()
                         : absl::StrCat(mount.path(), " (", mount.access_mode(), ")"));
  }
  // Not looked at: where it may be.
  if (mounts.empty() && !response.unmeasured().empty()) {
    mounts.assign(response.volume().mounts().begin(), response.volume().mounts().end());
  }
  lines.Add("mounted at", mounts);
  if (!response.unmeasured().empty()) lines.Add("not looked at", response.unmeasured());
  if (!response.has_usage()) return;
  const v1::Usage& usage = response.usage();
  lines.Add("used inside",
            absl::StrCat(HumanBytes(usage.used_bytes()), " of ", HumanBytes(usage.total_bytes())));
  if (usage.used_inodes() > 0) {
    lines.Add("inodes", usage.total_inodes() == 0
                            ? absl::StrCat(usage.used_inodes())
                            : absl::StrCat(usage.used_inodes(), " of ", usage.total_inodes()));
  }
}

}  // namespace

std::string KindOf(const v1::Volume& volume) {
  if (volume.state() == "damaged") return "";
  if (volume.backend() == "directory") return "directory";
  return absl::StrCat(volume.block() ? "raw block" : absl::StrCat(volume.fs_type(), " image"),
                      volume.thick() ? ", thick" : "");
}

std::string VolumeTable(const RepeatedPtrField<v1::Volume>& volumes, bool wide, absl::Time now) {
  std::vector<Table::Column> columns = {{"NAME"},
                                        {"POOL"},
                                        {"KIND"},
                                        {"SIZE", Align::kRight},
                                        {"WRITTEN", Align::kRight},
                                        {"STATE"},
                                        {"CREATED"},
                                        {"AGE", Align::kRight}};
  if (wide) columns.insert(columns.end(), {{"ID"}, {"MOUNTED AT"}});
  Table table(columns);
  for (const v1::Volume& volume : volumes) {
    std::vector<std::string> row = {volume.name(),
                                    volume.pool(),
                                    KindOf(volume),
                                    SizeOf(volume.size_bytes(), volume.state()),
                                    SizeOf(volume.written_bytes(), volume.state()),
                                    StateOf(volume),
                                    FormatTime(volume.created()),
                                    FormatAge(volume.created(), now)};
    if (volume.state() == "damaged") row.front() = volume.id();
    if (wide) row.insert(row.end(), {volume.id(), absl::StrJoin(volume.mounts(), ",")});
    table.AddRow(row);
  }
  return absl::StrCat(table.Text(), ReasonsOf(volumes));
}

std::string DeletedVolumeTable(const RepeatedPtrField<v1::Volume>& volumes, bool wide,
                               absl::Time now) {
  std::vector<Table::Column> columns = {{"NAME"},      {"POOL"},
                                        {"KIND"},      {"SIZE", Align::kRight},
                                        {"DELETED"},   {"AGE", Align::kRight},
                                        {"KEPT UNTIL"}};
  if (wide) columns.insert(columns.end(), {{"CREATED"}, {"ID"}});
  Table table(columns);
  for (const v1::Volume& volume : volumes) {
    std::vector<std::string> row = {volume.name(),
                                    volume.pool(),
                                    KindOf(volume),
                                    ShortBytes(volume.size_bytes()),
                                    FormatTime(volume.deleted()),
                                    FormatAge(volume.deleted(), now),
                                    FormatTime(volume.kept_until())};
    if (wide) row.insert(row.end(), {FormatTime(volume.created()), volume.id()});
    table.AddRow(row);
  }
  return table.Text();
}

std::string SnapshotTable(const RepeatedPtrField<v1::Snapshot>& snapshots, bool wide,
                          absl::Time now) {
  std::vector<Table::Column> columns = {{"NAME"},
                                        {"POOL"},
                                        {"OF VOLUME"},
                                        {"SIZE", Align::kRight},
                                        {"PINNED", Align::kRight},
                                        {"STATE"},
                                        {"CREATED"},
                                        {"AGE", Align::kRight}};
  if (wide) columns.insert(columns.end(), {{"ID"}, {"GROUP"}});
  Table table(columns);
  for (const v1::Snapshot& snapshot : snapshots) {
    std::vector<std::string> row = {
        snapshot.state() == "damaged" ? snapshot.id() : snapshot.name(),
        snapshot.pool(),
        snapshot.source_volume_name().empty() && !snapshot.source_volume_id().empty()
            ? absl::StrCat(snapshot.source_volume_id(), " (gone)")
            : snapshot.source_volume_name(),
        SizeOf(snapshot.size_bytes(), snapshot.state()),
        SizeOf(snapshot.pinned_bytes(), snapshot.state()),
        snapshot.state(),
        FormatTime(snapshot.created()),
        FormatAge(snapshot.created(), now)};
    if (wide) row.insert(row.end(), {snapshot.id(), snapshot.group_snapshot_id()});
    table.AddRow(row);
  }
  return absl::StrCat(table.Text(), ReasonsOf(snapshots));
}

std::string VolumeText(const v1::GetVolumeResponse& response, absl::Time now) {
  const v1::Volume& volume = response.volume();
  Lines lines;
  lines.Add("name", volume.name());
  lines.Add("id", volume.id());
  lines.Add("state", volume.state());
  lines.Add("reason", volume.reason());
  lines.Add("node", response.node().node_id());
  lines.Add("pool", volume.pool());
  lines.Add("files", volume.path());
  if (volume.state() == "damaged") return lines.Take();
  lines.Add("kind", KindOf(volume));
  lines.Add("size", HumanBytes(volume.size_bytes()));
  lines.Add("created", TimeAndAge(volume.created(), now));
  if (volume.state() == "deleted") {
    lines.Add("deleted", TimeAndAge(volume.deleted(), now));
    lines.Add("kept until", absl::StrCat(FormatTime(volume.kept_until()),
                                         ", unless its room is needed; bring it back with nodevol "
                                         "undelete ",
                                         volume.id()));
  } else {
    lines.Add("written", HumanBytes(volume.written_bytes()));
    AddUse(response, lines);
  }
  AddRecord(response.record(), lines);
  std::string text = lines.Take();
  if (!response.snapshots().empty()) {
    absl::StrAppend(&text, "\nsnapshots\n", SnapshotTable(response.snapshots(), true, now));
  }
  return text;
}

}  // namespace nodevol::admin
