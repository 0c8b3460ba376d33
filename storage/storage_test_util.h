// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_STORAGE_TEST_UTIL_H_
#define NODEVOL_STORAGE_STORAGE_TEST_UTIL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

#include "base/bytes.h"
#include "host/filesystem.h"
#include "storage/local_storage.h"
#include "test/support/sandbox.h"

// What the tests of this folder share: pools on real filesystems, and calls that wait.
namespace nodevol::storage {

// A kind of volume, and the filesystem of the pool that it is in.
struct TestKind {
  std::string name;
  host::FilesystemType pool = host::FilesystemType::kOther;
  std::string backend;
  std::string fs_type;
  bool block = false;
  int64_t bytes = 64 * kMiB;    // a size that this kind can have
  bool project_quotas = false;  // its pool's filesystem enforces them
};

// Every kind that tests are run with.
std::vector<TestKind> AllKinds();
// Those with a filesystem.
std::vector<TestKind> MountedKinds();
TestKind DirectoryOnBtrfs();
TestKind DirectoryOnXfs();
TestKind DirectoryOnExt4();
TestKind Ext4OnXfs();
TestKind Ext4OnExt4();
TestKind XfsOnExt4();
TestKind BlockOnXfs();

// Names of parameters in test names.
std::string PoolFilesystemName(const ::testing::TestParamInfo<host::FilesystemType>& info);
std::string KindName(const ::testing::TestParamInfo<TestKind>& info);
void PrintTo(const TestKind& kind, std::ostream* out);

// A request for exactly `bytes`, 0 for what the kind can have.
v1::VolumeRequest RequestFor(const TestKind& kind, const std::string& name, int64_t bytes = 0);
// A request for a copy, as large as its source.
v1::VolumeRequest RequestForCopy(const TestKind& kind, const std::string& name,
                                 const VolumePtr& source);
v1::VolumeRequest RequestForCopy(const TestKind& kind, const std::string& name,
                                 const SnapshotPtr& source);

// Makes an asynchronous call and waits for its answer: call(callback).
template <typename T, typename Call>
absl::StatusOr<T> Await(Call call) {
  absl::Notification answered;
  absl::StatusOr<T> answer;
  call(Callback<T>([&](absl::StatusOr<T> result) {
    answer = std::move(result);
    answered.Notify();
  }));
  answered.WaitForNotification();
  return answer;
}

// True once `condition` is, false when it is not within half a minute: for what the kernel or the
// reaper does in the background.
bool Eventually(const std::function<bool()>& condition);

// Pools "pool-0", "pool-1", ... on filesystems of their own, and the storage on them.
class TestNode {
 public:
  static absl::StatusOr<std::unique_ptr<TestNode>> Create(
      const std::vector<host::FilesystemType>& filesystems, int64_t bytes = kGiB);
  static absl::StatusOr<std::unique_ptr<TestNode>> Create(
      std::vector<testing::TestFilesystem::Options> filesystems);

  LocalStorage& storage() { return *storage_; }
  testing::TestFilesystem& disk(size_t index = 0) { return disks_[index]; }
  // The driver ends, or is killed while nothing runs; and starts again.
  void Close() { storage_.reset(); }
  absl::Status Open();
  absl::Status Reopen();

  absl::StatusOr<VolumePtr> Create(const v1::VolumeRequest& request,
                                   const OperationContext& context = {});
  absl::Status Delete(const VolumePtr& volume);
  absl::Status DeleteId(const VolumeId& id);
  absl::StatusOr<ExpandedVolume> Expand(const VolumePtr& volume, int64_t required,
                                        int64_t limit = 0);
  absl::StatusOr<VolumePtr> Modify(const VolumePtr& volume, const std::string& key,
                                   const std::string& value);
  absl::StatusOr<VolumePtr> Undelete(const VolumePtr& volume);
  absl::StatusOr<SnapshotPtr> Snapshot(const std::string& name, const VolumePtr& source);
  absl::Status DeleteSnapshot(const SnapshotPtr& snapshot);
  // Runs `work` alone on the volume, as the node service does.
  absl::Status OnVolume(const VolumePtr& volume,
                        const std::function<absl::Status(LocalVolume&)>& work);

  // The pool's figures, looked at anew.
  PoolStatistics Statistics(size_t pool = 0);
  int64_t Available(size_t pool = 0) { return Statistics(pool).available_bytes; }

  [[nodiscard]] std::string PoolUuid(size_t pool = 0) const;
  // The names in a directory of a pool, such as "volumes" or ".nodevol/trash".
  std::vector<std::string> Entries(const std::string& directory, size_t pool = 0) const;
  // True once the reaper has emptied the trash.
  [[nodiscard]] bool TrashEmpties(size_t pool = 0) const;
  // The path of an object's directory.
  std::string PathOf(const VolumePtr& volume, size_t pool = 0) const;
  std::string PathOf(const SnapshotPtr& snapshot, size_t pool = 0) const;

 private:
  TestNode() = default;

  std::vector<testing::TestFilesystem> disks_;
  std::unique_ptr<LocalStorage> storage_;
};

// The filesystem of a pool for volumes of this kind.
testing::TestFilesystem::Options DiskFor(const TestKind& kind, int64_t bytes = kGiB);

// A test of volumes of one kind on a node with one pool. It is skipped where this kernel can't have
// such a pool: then there is no node_, and what a derived class does in SetUp() it leaves.
class KindTest : public ::testing::TestWithParam<TestKind> {
 protected:
  void SetUp() override { MakeNode(kGiB); }
  void MakeNode(int64_t pool_bytes);
  [[nodiscard]] const TestKind& kind() const { return GetParam(); }
  TestNode& node() { return *node_; }

  std::unique_ptr<TestNode> node_;
};

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_STORAGE_TEST_UTIL_H_
