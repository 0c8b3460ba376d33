// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_CONTROLLER_FAKE_NODE_STORAGE_H_
#define NODEVOL_CONTROLLER_FAKE_NODE_STORAGE_H_

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/node_storage.h"
#include "storage/volume_spec.h"

// For tests: a node's disks in memory, as small as the handler lets it be. What the engine decides
// (sizes, sources, equality of requests) is not here; a test says what the disks answer.
namespace nodevol::controller {

class FakeNodeStorage : public storage::NodeStorage {
 public:
  using Context = storage::OperationContext;
  using VolumeId = storage::VolumeId;
  using SnapshotId = storage::SnapshotId;
  using VolumePtr = storage::VolumePtr;
  using SnapshotPtr = storage::SnapshotPtr;

  static constexpr char kPool[] = "0123456789abcdef0123456789abcdef";

  [[nodiscard]] const std::string& node_id() const override { return node_id_; }

  void CreateVolume(const Context&, const v1::VolumeRequest& request,
                    Callback<VolumePtr> done) override {
    if (!Answers()) return std::move(done)(answer);
    auto volume = std::make_shared<v1::VolumeRecord>();
    volume->set_id(VolumeId::ForName(kPool, request.name()).text());
    *volume->mutable_request() = request;
    volume->set_size_bytes(request.capacity_range().required_bytes());
    (*volume->mutable_volume_context())["pool"] = "fake";
    if (!request.capabilities().empty() && request.capabilities(0).has_block()) {
      volume->mutable_image();
    } else {
      volume->mutable_image()->set_fs_type("ext4");
    }
    volumes[volume->id()] = volume;
    std::move(done)(VolumePtr(volume));
  }

  void DeleteVolume(const Context&, const VolumeId& id, StatusCallback done) override {
    if (Answers()) volumes.erase(id.text());
    std::move(done)(answer);
  }

  void ExpandVolume(const Context&, const VolumeId& id, const v1::CapacityRange& range,
                    Callback<storage::ExpandedVolume> done) override {
    if (!Answers()) return std::move(done)(answer);
    if (!volumes.contains(id.text())) return std::move(done)(NoSuchVolume());
    auto volume = std::make_shared<v1::VolumeRecord>(*volumes.at(id.text()));
    volume->set_size_bytes(std::max(volume->size_bytes(), range.required_bytes()));
    volumes[id.text()] = volume;
    std::move(done)(storage::ExpandedVolume{volume, node_expansion_required});
  }

  void ModifyVolume(const Context&, const VolumeId& id,
                    const google::protobuf::Map<std::string, std::string>& parameters,
                    Callback<VolumePtr> done) override {
    if (!Answers()) return std::move(done)(answer);
    if (!volumes.contains(id.text())) return std::move(done)(NoSuchVolume());
    modified_with = {parameters.begin(), parameters.end()};
    std::move(done)(VolumePtr(volumes.at(id.text())));
  }

  void PublishVolume(const Context&, const VolumeId& id,
                     const v1::ControllerPublication& publication,
                     Callback<VolumePtr> done) override {
    if (!Answers()) return std::move(done)(answer);
    if (!volumes.contains(id.text())) return std::move(done)(NoSuchVolume());
    auto volume = std::make_shared<v1::VolumeRecord>(*volumes.at(id.text()));
    *volume->mutable_publication() = publication;
    volumes[id.text()] = volume;
    std::move(done)(VolumePtr(volume));
  }

  void UnpublishVolume(const Context&, const VolumeId& id, const std::string& node_id,
                       StatusCallback done) override {
    const auto found = volumes.find(id.text());
    if (Answers() && found != volumes.end() &&
        (node_id.empty() || node_id == found->second->publication().node_id())) {
      auto volume = std::make_shared<v1::VolumeRecord>(*found->second);
      volume->clear_publication();
      found->second = volume;
    }
    std::move(done)(answer);
  }

  void CreateSnapshot(const Context&, const v1::SnapshotRequest& request,
                      Callback<SnapshotPtr> done) override {
    if (!Answers()) return std::move(done)(answer);
    auto snapshot = std::make_shared<v1::SnapshotRecord>();
    snapshot->set_id(SnapshotId::ForName(kPool, request.name()).text());
    *snapshot->mutable_request() = request;
    snapshot->set_size_bytes(kSnapshotBytes);
    // Each is newer than those before it.
    snapshot->mutable_created()->set_seconds(kSnapshotTime +
                                             static_cast<int64_t>(snapshots.size()));
    snapshots[snapshot->id()] = snapshot;
    std::move(done)(SnapshotPtr(snapshot));
  }

  void DeleteSnapshot(const Context&, const SnapshotId& id, StatusCallback done) override {
    if (Answers()) snapshots.erase(id.text());
    std::move(done)(answer);
  }

  void ListBlocks(const Context& context, const storage::BlockQuery& query,
                  Callback<storage::BlockPage> done) override {
    ++block_pages_asked;
    if (!answer.ok()) return std::move(done)(answer);
    if (context.abandoned()) return std::move(done)(absl::CancelledError("abandoned"));
    storage::BlockPage page;
    for (const storage::BlockRange& range : query.base == nullptr ? allocated : changed) {
      if (range.end() <= query.offset) continue;
      const int64_t begin = std::max(range.offset, query.offset);
      if (page.ranges.size() == std::min(query.limit, blocks_per_page)) {
        page.next_offset = begin;
        break;
      }
      page.ranges.push_back({.offset = begin, .length = range.end() - begin});
    }
    std::move(done)(std::move(page));
  }

  void CreateGroupSnapshot(const Context&, const v1::GroupSnapshotRequest& request,
                           Callback<storage::GroupSnapshot> done) override {
    if (!Answers()) return std::move(done)(answer);
    auto group = std::make_shared<v1::GroupSnapshotRecord>();
    group->set_id(storage::GroupId::ForName(kPool, request.name()).text());
    *group->mutable_request() = request;
    group->mutable_created()->set_seconds(kSnapshotTime);
    for (const std::string& source : request.source_volume_ids()) {
      auto member = std::make_shared<v1::SnapshotRecord>();
      member->set_id(storage::MemberId(request.name(), *VolumeId::Parse(source)).text());
      member->mutable_request()->set_source_volume_id(source);
      member->set_group_snapshot_id(group->id());
      group->add_snapshot_ids(member->id());
      snapshots[member->id()] = member;
    }
    groups[group->id()] = group;
    std::move(done)(*GetGroupSnapshot(*storage::GroupId::Parse(group->id())));
  }

  void DeleteGroupSnapshot(const Context&, const storage::GroupId& id,
                           const std::vector<std::string>& snapshot_ids,
                           StatusCallback done) override {
    if (Answers()) {
      for (const std::string& member : snapshot_ids) snapshots.erase(member);
      groups.erase(id.text());
    }
    std::move(done)(answer);
  }

  absl::StatusOr<storage::GroupSnapshot> GetGroupSnapshot(
      const storage::GroupId& id) const override {
    const auto found = groups.find(id.text());
    if (found == groups.end()) return absl::NotFoundError("no such group");
    storage::GroupSnapshot group{found->second, {}};
    for (const std::string& member : group.group->snapshot_ids()) {
      group.members.push_back(snapshots.at(member));
    }
    return group;
  }

  absl::StatusOr<VolumePtr> GetVolume(const VolumeId& id) const override {
    const auto found = volumes.find(id.text());
    if (found == volumes.end() || untold.contains(id.text())) return NoSuchVolume();
    return found->second;
  }
  absl::StatusOr<SnapshotPtr> GetSnapshot(const SnapshotId& id) const override {
    if (!snapshots_known.ok()) return snapshots_known;
    const auto found = snapshots.find(id.text());
    if (found == snapshots.end()) return absl::NotFoundError("no such snapshot");
    return found->second;
  }
  absl::StatusOr<storage::VolumeHealth> GetVolumeHealth(const VolumeId& id) const override {
    if (!volumes.contains(id.text())) return NoSuchVolume();
    const auto found = conditions.find(id.text());
    return storage::VolumeHealth{id.text(), found == conditions.end()
                                                ? std::vector<storage::HealthCondition>()
                                                : found->second};
  }
  storage::Page<storage::VolumeHealth> ListVolumeHealth(
      const storage::ListQuery& query) const override {
    storage::Page<storage::VolumeHealth> page;
    for (const auto& [id, all] : conditions) {
      if (id <= query.after) continue;
      page.more = query.limit != 0 && page.entries.size() == query.limit;
      if (page.more) break;
      page.entries.push_back({id, all});
    }
    return page;
  }

  [[nodiscard]] VolumePtr FindVolume(const std::string& name) const override {
    const auto found = volumes.find(VolumeId::ForName(kPool, name).text());
    return found == volumes.end() ? nullptr : found->second;
  }
  storage::Page<VolumePtr> ListVolumes(const storage::ListQuery& query) const override {
    return PageOf(volumes, query, [](const v1::VolumeRecord&) { return true; });
  }
  storage::Page<SnapshotPtr> ListSnapshots(const storage::ListQuery& query,
                                           const std::string& source) const override {
    return PageOf(snapshots, query, [&source](const v1::SnapshotRecord& snapshot) {
      return source.empty() || source == snapshot.request().source_volume_id();
    });
  }
  absl::StatusOr<storage::Capacity> GetCapacity(
      const storage::CapacityQuery& query) const override {
    const absl::Status valid =
        storage::ParseVolumeSpec(query.parameters, query.capabilities).status();
    if (!valid.ok()) return valid;
    return capacity;
  }

  static constexpr int64_t kSnapshotBytes = 1 << 20;
  static constexpr int64_t kSnapshotTime = 1700000000;

  std::map<std::string, VolumePtr> volumes;
  std::map<std::string, SnapshotPtr> snapshots;
  std::map<std::string, storage::GroupPtr> groups;
  // Volumes that the node has and the controller's copy of what it has not.
  std::set<std::string> untold;
  // What is known of any snapshot, while it is an error.
  absl::Status snapshots_known;
  storage::Capacity capacity;
  // The blocks of every snapshot, and those in which any two differ.
  std::vector<storage::BlockRange> allocated;
  std::vector<storage::BlockRange> changed;
  size_t blocks_per_page = 4096;  // at most
  int block_pages_asked = 0;
  bool node_expansion_required = false;
  std::map<std::string, std::string> modified_with;
  std::map<std::string, std::vector<storage::HealthCondition>> conditions;  // by volume id
  // What changes and pages of blocks answer; when it is an error they change nothing.
  absl::Status answer;
  int changes_asked = 0;

 private:
  static absl::Status NoSuchVolume() { return absl::NotFoundError("no such volume"); }
  bool Answers() {
    ++changes_asked;
    return answer.ok();
  }

  template <typename Pointer, typename Matches>
  static storage::Page<Pointer> PageOf(const std::map<std::string, Pointer>& all,
                                       const storage::ListQuery& query, const Matches& matches) {
    storage::Page<Pointer> page;
    for (auto entry = all.upper_bound(query.after); entry != all.end(); ++entry) {
      if (!matches(*entry->second)) continue;
      page.more = query.limit > 0 && page.entries.size() == query.limit;
      if (page.more) break;
      page.entries.push_back(entry->second);
    }
    return page;
  }

  const std::string node_id_ = "node-1";
};

}  // namespace nodevol::controller

#endif  // NODEVOL_CONTROLLER_FAKE_NODE_STORAGE_H_
