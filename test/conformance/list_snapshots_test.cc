// SPDX-License-Identifier: Apache-2.0
//
// Group 9, ListSnapshots: pages, tokens, filters.
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "test/conformance/fixture.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::UnorderedElementsAreArray;

constexpr int kSnapshots = 2;

class ListSnapshotsConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::CREATE_DELETE_SNAPSHOT);
    REQUIRE_ANNOUNCED(ControllerRpc::LIST_SNAPSHOTS);
  }
  // Several of each of two volumes.
  void MakeSnapshots() {
    for (const char* const label : {"one", "two"}) {
      ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume(label));
      volumes_.push_back(volume.volume_id());
      for (int i = 0; i < kSnapshots; ++i) {
        ASSERT_OK_AND_ASSIGN(const csi::v1::Snapshot snapshot,
                             CreateSnapshot(volume.volume_id(), absl::StrCat(label, "-", i)));
        snapshots_[volume.volume_id()].push_back(snapshot.snapshot_id());
      }
    }
  }
  static absl::StatusOr<csi::v1::ListSnapshotsResponse> List(
      const csi::v1::ListSnapshotsRequest& request) {
    return driver().Call(&Controller::ListSnapshots, request);
  }
  // All ids of the list, read in pages of this size.
  static std::vector<std::string> ListInPages(csi::v1::ListSnapshotsRequest request,
                                              int32_t max_entries) {
    std::vector<std::string> ids;
    request.set_max_entries(max_entries);
    for (int pages = 0; pages < 10'000; ++pages) {
      const auto page = List(request);
      EXPECT_OK(page);
      if (!page.ok()) return ids;
      if (max_entries > 0) {
        EXPECT_THAT(page->entries_size(), Le(max_entries));
      }
      for (const auto& entry : page->entries()) ids.push_back(entry.snapshot().snapshot_id());
      if (page->next_token().empty()) return ids;
      request.set_starting_token(page->next_token());
    }
    ADD_FAILURE() << "the list does not end";
    return ids;
  }

  std::vector<std::string> volumes_;
  std::map<std::string, std::vector<std::string>> snapshots_;  // by their volume
};

// ListSnapshotsRequest.max_entries, ListSnapshotsResponse.next_token.
TEST_F(ListSnapshotsConformance, EverySnapshotIsInExactlyOnePage) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  for (const int32_t size : {1, 2, std::numeric_limits<int32_t>::max(), 0}) {
    SCOPED_TRACE(absl::StrCat("pages of ", size));
    std::map<std::string, int> counts;
    for (const std::string& id : ListInPages({}, size)) ++counts[id];
    for (const auto& [volume, ids] : snapshots_) {
      for (const std::string& id : ids) EXPECT_EQ(counts[id], 1) << id;
    }
    for (const auto& [id, count] : counts) EXPECT_EQ(count, 1) << id;
  }
}

// ListSnapshotsRequest.source_volume_id: all matches, also in pages.
TEST_F(ListSnapshotsConformance, AllSnapshotsOfAVolumeAreListed) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  for (const std::string& volume : volumes_) {
    csi::v1::ListSnapshotsRequest request;
    request.set_source_volume_id(volume);
    for (const int32_t size : {1, 2, 0}) {
      EXPECT_THAT(ListInPages(request, size), UnorderedElementsAreArray(snapshots_[volume]))
          << "pages of " << size;
    }
  }
}

// ListSnapshotsRequest.snapshot_id.
TEST_F(ListSnapshotsConformance, OneSnapshotIsListedByItsId) {
  ASSERT_NO_FATAL_FAILURE(MakeSnapshots());
  const std::string id = snapshots_[volumes_[0]].front();
  csi::v1::ListSnapshotsRequest request;
  request.set_snapshot_id(id);
  ASSERT_OK_AND_ASSIGN(const auto listed, List(request));
  ASSERT_EQ(listed.entries_size(), 1);
  EXPECT_EQ(listed.entries(0).snapshot().snapshot_id(), id);
  EXPECT_EQ(listed.entries(0).snapshot().source_volume_id(), volumes_[0]);
  EXPECT_TRUE(listed.entries(0).snapshot().ready_to_use());
  EXPECT_THAT(listed.next_token(), IsEmpty());
  request.set_source_volume_id(volumes_[0]);
  EXPECT_THAT(ListInPages(request, 0), ElementsAre(id));
  request.set_source_volume_id(volumes_[1]);
  EXPECT_THAT(ListInPages(request, 0), IsEmpty()) << "it is not a snapshot of that volume";
}

TEST_F(ListSnapshotsConformance, FilterThatNothingMatchesIsAnEmptyList) {
  csi::v1::ListSnapshotsRequest request;
  request.set_snapshot_id("no-such-snapshot");
  EXPECT_THAT(ListInPages(request, 0), IsEmpty());
  request.clear_snapshot_id();
  request.set_source_volume_id("no-such-volume");
  EXPECT_THAT(ListInPages(request, 0), IsEmpty());
}

// "ListSnapshots": not "a snapshot that ... has not been cut successfully".
TEST_F(ListSnapshotsConformance, RefusedSnapshotIsNotListed) {
  const std::vector<std::string> before = ListInPages({}, 0);
  EXPECT_THAT(CreateSnapshot("no-such-volume", "refused"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(ListInPages({}, 0), UnorderedElementsAreArray(before));
}

// "ListSnapshots Errors", Invalid starting_token.
TEST_F(ListSnapshotsConformance, InvalidTokenIsAborted) {
  for (const char* const token : {"-1", "4294967295", "9223372036854775807", "18446744073709551616",
                                  "not-a-token", "../x", "%n"}) {
    csi::v1::ListSnapshotsRequest request;
    request.set_starting_token(token);
    EXPECT_THAT(List(request), StatusIs(StatusCode::kAborted)) << token;
    request.set_max_entries(1);
    EXPECT_THAT(List(request), StatusIs(StatusCode::kAborted)) << token;
  }
}

// max_entries: "MUST NOT be negative".
TEST_F(ListSnapshotsConformance, NegativeMaxEntriesIsRefused) {
  csi::v1::ListSnapshotsRequest request;
  for (const int32_t number : {-1, std::numeric_limits<int32_t>::min()}) {
    request.set_max_entries(number);
    EXPECT_THAT(List(request), StatusIs(StatusCode::kInvalidArgument)) << number;
  }
}

}  // namespace
}  // namespace nodevol::testing
