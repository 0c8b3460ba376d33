// SPDX-License-Identifier: Apache-2.0
#include "storage/storage_test_util.h"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "base/monotonic.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/pool_init.h"
#include "test/support/matchers.h"
#include "test/support/project_quota.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using nodevol::testing::TestFilesystem;

}  // namespace

TestKind DirectoryOnBtrfs() {
  return {.name = "DirectoryOnBtrfs",
          .pool = FilesystemType::kBtrfs,
          .backend = "directory",
          .fs_type = ""};
}

TestKind DirectoryOnXfs() {
  return {.name = "DirectoryOnXfs",
          .pool = FilesystemType::kXfs,
          .backend = "directory",
          .fs_type = "",
          .project_quotas = true};
}

TestKind DirectoryOnExt4() {
  return {.name = "DirectoryOnExt4",
          .pool = FilesystemType::kExt4,
          .backend = "directory",
          .fs_type = "",
          .project_quotas = true};
}

TestKind Ext4OnXfs() {
  return {.name = "Ext4OnXfs", .pool = FilesystemType::kXfs, .backend = "auto", .fs_type = "ext4"};
}

TestKind Ext4OnExt4() {
  return {.name = "Ext4OnExt4", .pool = FilesystemType::kExt4, .backend = "image", .fs_type = ""};
}

TestKind XfsOnExt4() {
  return {.name = "XfsOnExt4",
          .pool = FilesystemType::kExt4,
          .backend = "auto",
          .fs_type = "xfs",
          .bytes = 300 * kMiB};
}

TestKind BlockOnXfs() {
  return {.name = "BlockOnXfs",
          .pool = FilesystemType::kXfs,
          .backend = "auto",
          .fs_type = "",
          .block = true};
}

std::vector<TestKind> MountedKinds() {
  return {DirectoryOnBtrfs(),
          DirectoryOnXfs(),
          DirectoryOnExt4(),
          Ext4OnXfs(),
          XfsOnExt4(),
          TestKind{.name = "BtrfsOnBtrfs",
                   .pool = FilesystemType::kBtrfs,
                   .backend = "image",
                   .fs_type = "btrfs",
                   .bytes = 256 * kMiB}};
}

std::vector<TestKind> AllKinds() {
  std::vector<TestKind> kinds = MountedKinds();
  kinds.push_back(BlockOnXfs());
  return kinds;
}

std::string PoolFilesystemName(const ::testing::TestParamInfo<FilesystemType>& info) {
  return std::string(host::FilesystemName(info.param));
}

std::string KindName(const ::testing::TestParamInfo<TestKind>& info) { return info.param.name; }

void PrintTo(const TestKind& kind, std::ostream* out) { *out << kind.name; }

v1::VolumeRequest RequestFor(const TestKind& kind, const std::string& name, int64_t bytes) {
  v1::VolumeRequest request;
  request.set_name(name);
  request.mutable_capacity_range()->set_required_bytes(bytes == 0 ? kind.bytes : bytes);
  v1::VolumeCapability& capability = *request.add_capabilities();
  capability.set_access_mode(v1::SINGLE_NODE_WRITER);
  if (kind.block) {
    capability.mutable_block();
  } else {
    capability.mutable_mount()->set_fs_type(kind.fs_type);
  }
  (*request.mutable_parameters())["backend"] = kind.backend;
  return request;
}

v1::VolumeRequest RequestForCopy(const TestKind& kind, const std::string& name,
                                 const VolumePtr& source) {
  v1::VolumeRequest request = RequestFor(kind, name, source->size_bytes());
  request.mutable_content_source()->set_volume_id(source->id());
  return request;
}

v1::VolumeRequest RequestForCopy(const TestKind& kind, const std::string& name,
                                 const SnapshotPtr& source) {
  v1::VolumeRequest request = RequestFor(kind, name, source->size_bytes());
  request.mutable_content_source()->set_snapshot_id(source->id());
  return request;
}

bool Eventually(const std::function<bool()>& condition) {
  const absl::Duration deadline = MonotonicNow() + absl::Seconds(30);
  while (!condition()) {
    if (MonotonicNow() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

absl::StatusOr<std::unique_ptr<TestNode>> TestNode::Create(
    const std::vector<FilesystemType>& filesystems, int64_t bytes) {
  std::vector<TestFilesystem::Options> options;
  options.reserve(filesystems.size());
  for (const FilesystemType type : filesystems) options.push_back({.type = type, .bytes = bytes});
  return Create(std::move(options));
}

absl::StatusOr<std::unique_ptr<TestNode>> TestNode::Create(
    std::vector<TestFilesystem::Options> filesystems) {
  std::unique_ptr<TestNode> node(new TestNode);
  for (TestFilesystem::Options& options : filesystems) {
    ASSIGN_OR_RETURN(TestFilesystem disk, TestFilesystem::Create(std::move(options)));
    node->disks_.push_back(std::move(disk));
  }
  RETURN_IF_ERROR(node->Open());
  return node;
}

absl::Status TestNode::Open() {
  // An emulated disk (test/vm/) can be slow without hanging.
  const bool emulated = ::getenv("NODEVOL_REQUIRE_PROJECT_QUOTAS") != nullptr;
  const absl::Duration patience = absl::Seconds(emulated ? 60 : 2);
  std::vector<PoolOptions> pools;
  for (const TestFilesystem& disk : disks_) {
    pools.push_back({.name = absl::StrCat("pool-", pools.size()),
                     .path = disk.path(),
                     .create = true,
                     .check_interval = absl::Milliseconds(100),
                     .disk_patience = patience});
  }
  ASSIGN_OR_RETURN(storage_, LocalStorage::Open("node-1", pools));
  return absl::OkStatus();
}

absl::Status TestNode::Reopen() {
  Close();
  return Open();
}

absl::StatusOr<VolumePtr> TestNode::Create(const v1::VolumeRequest& request,
                                           const OperationContext& context) {
  return Await<VolumePtr>(
      [&](Callback<VolumePtr> done) { storage_->CreateVolume(context, request, std::move(done)); });
}

absl::Status TestNode::Delete(const VolumePtr& volume) {
  return DeleteId(*VolumeId::Parse(volume->id()));
}

absl::Status TestNode::DeleteId(const VolumeId& id) {
  return Await<bool>([&](Callback<bool> done) {
           storage_->DeleteVolume({}, id, AnsweringEmpty(std::move(done)));
         })
      .status();
}

absl::StatusOr<ExpandedVolume> TestNode::Expand(const VolumePtr& volume, int64_t required,
                                                int64_t limit) {
  v1::CapacityRange range;
  range.set_required_bytes(required);
  range.set_limit_bytes(limit);
  return Await<ExpandedVolume>([&](Callback<ExpandedVolume> done) {
    storage_->ExpandVolume({}, *VolumeId::Parse(volume->id()), range, std::move(done));
  });
}

absl::StatusOr<VolumePtr> TestNode::Modify(const VolumePtr& volume, const std::string& key,
                                           const std::string& value) {
  google::protobuf::Map<std::string, std::string> parameters;
  parameters[key] = value;
  return Await<VolumePtr>([&](Callback<VolumePtr> done) {
    storage_->ModifyVolume({}, *VolumeId::Parse(volume->id()), parameters, std::move(done));
  });
}

absl::StatusOr<VolumePtr> TestNode::Undelete(const VolumePtr& volume) {
  return Await<VolumePtr>([&](Callback<VolumePtr> done) {
    storage_->UndeleteVolume(*VolumeId::Parse(volume->id()), std::move(done));
  });
}

absl::StatusOr<SnapshotPtr> TestNode::Snapshot(const std::string& name, const VolumePtr& source) {
  v1::SnapshotRequest request;
  request.set_name(name);
  request.set_source_volume_id(source->id());
  return Await<SnapshotPtr>(
      [&](Callback<SnapshotPtr> done) { storage_->CreateSnapshot({}, request, std::move(done)); });
}

absl::Status TestNode::DeleteSnapshot(const SnapshotPtr& snapshot) {
  return Await<bool>([&](Callback<bool> done) {
           storage_->DeleteSnapshot({}, *SnapshotId::Parse(snapshot->id()),
                                    AnsweringEmpty(std::move(done)));
         })
      .status();
}

absl::Status TestNode::OnVolume(const VolumePtr& volume,
                                const std::function<absl::Status(LocalVolume&)>& work) {
  return Await<bool>([&](Callback<bool> done) {
           storage_->WithVolume<bool>(
               *VolumeId::Parse(volume->id()), /*exclusive=*/true,
               [&work](LocalVolume& local) -> absl::StatusOr<bool> {
                 RETURN_IF_ERROR(work(local));
                 return true;
               },
               std::move(done));
         })
      .status();
}

PoolStatistics TestNode::Statistics(size_t pool) {
  // Every change looks at its pool's space anew, also one that finds nothing to do.
  DeleteId(VolumeId::ForName(PoolUuid(pool), "no such volume")).IgnoreError();
  const std::string name = absl::StrCat("pool-", pool);
  for (const PoolStatistics& statistics : storage_->Statistics()) {
    if (statistics.name == name) return statistics;
  }
  return {};
}

std::string TestNode::PoolUuid(size_t pool) const {
  const auto root = host::OpenPath(disks_[pool].path(), O_RDONLY | O_DIRECTORY);
  return ReadPoolMarker(root->get()).value()->pool_uuid();
}

std::vector<std::string> TestNode::Entries(const std::string& directory, size_t pool) const {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(disks_[pool].path() + "/" + directory)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

bool TestNode::TrashEmpties(size_t pool) const {
  return Eventually([&] { return Entries(".nodevol/trash", pool).empty(); });
}

std::string TestNode::PathOf(const VolumePtr& volume, size_t pool) const {
  return absl::StrCat(disks_[pool].path(), "/volumes/", volume->id());
}

std::string TestNode::PathOf(const SnapshotPtr& snapshot, size_t pool) const {
  return absl::StrCat(disks_[pool].path(), "/snapshots/", snapshot->id());
}

TestFilesystem::Options DiskFor(const TestKind& kind, int64_t bytes) {
  if (kind.project_quotas) return testing::WithProjectQuotas(kind.pool, bytes);
  return {.type = kind.pool, .bytes = bytes};
}

void KindTest::MakeNode(int64_t pool_bytes) {
  if (kind().project_quotas) SKIP_WITHOUT_PROJECT_QUOTAS(kind().pool);
  ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({DiskFor(kind(), pool_bytes)}));
}

}  // namespace nodevol::storage
