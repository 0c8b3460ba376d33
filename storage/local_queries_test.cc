// SPDX-License-Identifier: Apache-2.0
//
// Lists over all pools of a node, page by page.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using host::FilesystemType;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kVolumes = 7;

class LocalQueriesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({FilesystemType::kBtrfs, FilesystemType::kBtrfs}));
    for (int i = 0; i < kVolumes; ++i) {
      v1::VolumeRequest request = RequestFor(DirectoryOnBtrfs(), absl::StrCat("v", i), 4 * kMiB);
      (*request.mutable_parameters())["pool"] = absl::StrCat("pool-", i % 2);
      ASSERT_OK_AND_ASSIGN(const VolumePtr volume, node_->Create(request));
      volumes_.push_back(volume);
      ids_.push_back(volume->id());
    }
    std::sort(ids_.begin(), ids_.end());
  }

  // The ids of all pages, each of at most `limit`, in order.
  template <typename Pointer>
  static std::vector<std::string> Walk(size_t limit,
                                       const std::function<Page<Pointer>(const ListQuery&)>& list) {
    std::vector<std::string> ids;
    ListQuery query = {.after = "", .limit = limit};
    while (true) {
      const Page<Pointer> page = list(query);
      for (const Pointer& entry : page.entries) ids.push_back(entry->id());
      EXPECT_LE(page.entries.size(), limit);
      if (!page.more) return ids;
      EXPECT_THAT(page.entries, SizeIs(limit));
      query.after = ids.back();
    }
  }
  std::vector<std::string> WalkVolumes(size_t limit) {
    return Walk<VolumePtr>(
        limit, [this](const ListQuery& query) { return node_->storage().ListVolumes(query); });
  }
  std::vector<std::string> WalkSnapshots(size_t limit, const std::string& source = "") {
    return Walk<SnapshotPtr>(limit, [&](const ListQuery& query) {
      return node_->storage().ListSnapshots(query, source);
    });
  }

  std::unique_ptr<TestNode> node_;
  std::vector<VolumePtr> volumes_;
  std::vector<std::string> ids_;
};

TEST_F(LocalQueriesTest, AllVolumesAreListedInTheOrderOfTheirIds) {
  const Page<VolumePtr> page = node_->storage().ListVolumes({});
  EXPECT_FALSE(page.more);
  ASSERT_THAT(page.entries, SizeIs(kVolumes));
  for (size_t i = 0; i < page.entries.size(); ++i) EXPECT_EQ(page.entries[i]->id(), ids_[i]);
}

TEST_F(LocalQueriesTest, EveryVolumeIsOnOnePageWhateverTheirSize) {
  for (size_t limit = 1; limit <= kVolumes + 1; ++limit) EXPECT_EQ(WalkVolumes(limit), ids_);
}

TEST_F(LocalQueriesTest, PagesGoOnAfterAnEntryThatIsGone) {
  ASSERT_OK(node_->DeleteId(*VolumeId::Parse(ids_[2])));
  const Page<VolumePtr> page = node_->storage().ListVolumes({.after = ids_[2], .limit = 1});
  ASSERT_THAT(page.entries, SizeIs(1));
  EXPECT_EQ(page.entries.front()->id(), ids_[3]);
  EXPECT_THAT(node_->storage().ListVolumes({.after = ids_.back()}).entries, IsEmpty());
  EXPECT_THAT(node_->storage().ListVolumes({.after = "zzz"}).entries, IsEmpty());
}

TEST_F(LocalQueriesTest, SnapshotsAreListedAllOrThoseOfOneVolume) {
  std::vector<std::string> all;
  std::vector<std::string> of_first;
  for (const VolumePtr& volume : {volumes_[0], volumes_[1], volumes_[2]}) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_OK_AND_ASSIGN(const SnapshotPtr snapshot,
                           node_->Snapshot(absl::StrCat(volume->request().name(), "-", i), volume));
      all.push_back(snapshot->id());
      if (volume == volumes_[0]) of_first.push_back(snapshot->id());
    }
  }
  std::sort(all.begin(), all.end());
  std::sort(of_first.begin(), of_first.end());
  for (size_t limit = 1; limit <= all.size() + 1; ++limit) {
    EXPECT_EQ(WalkSnapshots(limit), all);
    EXPECT_EQ(WalkSnapshots(limit, volumes_[0]->id()), of_first);
  }
  EXPECT_THAT(WalkSnapshots(2, volumes_[3]->id()), IsEmpty());
  EXPECT_THAT(WalkSnapshots(2, "nonsense"), IsEmpty());
}

TEST_F(LocalQueriesTest, StatisticsCountEachPool) {
  ASSERT_OK(node_->Snapshot("s", volumes_[0]));
  EXPECT_EQ(node_->Statistics(0).volumes, 4U);
  EXPECT_EQ(node_->Statistics(1).volumes, 3U);
  EXPECT_EQ(node_->Statistics(0).snapshots, 1U);
  EXPECT_EQ(node_->Statistics(1).snapshots, 0U);
  EXPECT_EQ(node_->Statistics(0).damaged, 0U);
  EXPECT_OK(node_->Statistics(0).state);
}

}  // namespace
}  // namespace nodevol::storage
