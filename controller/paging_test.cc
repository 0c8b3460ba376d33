// SPDX-License-Identifier: Apache-2.0
//
// What both lists promise: every entry once, whatever the page size and whatever is deleted on the
// way, and no token that was not given out.
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "controller/controller_fixture.h"
#include "controller/page_token.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

struct ListedPage {
  std::vector<std::string> ids;
  std::string next;
};

class PagingTest : public ControllerFixture, public ::testing::WithParamInterface<ListKind> {
 protected:
  static constexpr int kObjects = 7;

  void SetUp() override {
    for (int i = 0; i < kObjects; ++i) all_.insert(Make(absl::StrCat("object-", i)));
  }

  static bool OfVolumes() { return GetParam() == ListKind::kVolumes; }
  std::string Make(const std::string& name) {
    return OfVolumes() ? MakeVolume(name) : MakeSnapshot(name, "source");
  }
  void Delete(const std::string& id) {
    OfVolumes() ? storage_.volumes.erase(id) : storage_.snapshots.erase(id);
  }
  absl::StatusOr<ListedPage> List(int32_t max_entries, const std::string& token) {
    ListedPage page;
    if (OfVolumes()) {
      csi::v1::ListVolumesRequest request;
      request.set_max_entries(max_entries);
      request.set_starting_token(token);
      const auto response = handler_.ListVolumes(request);
      if (!response.ok()) return response.status();
      for (const auto& entry : response->entries()) page.ids.push_back(entry.volume().volume_id());
      page.next = response->next_token();
    } else {
      csi::v1::ListSnapshotsRequest request;
      request.set_max_entries(max_entries);
      request.set_starting_token(token);
      const auto response = handler_.ListSnapshots(request);
      if (!response.ok()) return response.status();
      for (const auto& entry : response->entries()) {
        page.ids.push_back(entry.snapshot().snapshot_id());
      }
      page.next = response->next_token();
    }
    return page;
  }

  std::set<std::string> all_;
};

TEST_P(PagingTest, EveryEntryIsListedOnceWhateverThePageSize) {
  for (int32_t size = 1; size <= kObjects + 1; ++size) {
    std::vector<std::string> seen;
    std::string token;
    do {
      ASSERT_OK_AND_ASSIGN(const ListedPage page, List(size, token));
      EXPECT_LE(page.ids.size(), static_cast<size_t>(size));
      EXPECT_FALSE(page.ids.empty());
      seen.insert(seen.end(), page.ids.begin(), page.ids.end());
      token = page.next;
    } while (!token.empty());
    EXPECT_EQ(seen, std::vector<std::string>(all_.begin(), all_.end())) << "pages of " << size;
  }
}

TEST_P(PagingTest, WithoutALimitEverythingIsOnOnePage) {
  for (const int32_t limit : {0, kObjects, std::numeric_limits<int32_t>::max()}) {
    ASSERT_OK_AND_ASSIGN(const ListedPage page, List(limit, ""));
    EXPECT_EQ(page.ids.size(), all_.size());
    EXPECT_EQ(page.next, "");
  }
}

TEST_P(PagingTest, EntriesDeletedBetweenPagesMoveNothing) {
  ASSERT_OK_AND_ASSIGN(const ListedPage first, List(2, ""));
  // The one that the token names, one before it, and one that is still to come.
  const std::vector<std::string> order(all_.begin(), all_.end());
  for (const size_t gone : {size_t{0}, size_t{1}, size_t{3}}) Delete(order[gone]);
  ASSERT_OK_AND_ASSIGN(const ListedPage rest, List(0, first.next));
  EXPECT_EQ(rest.ids, (std::vector<std::string>{order[2], order[4], order[5], order[6]}));
}

TEST_P(PagingTest, LastPageMayBecomeEmpty) {
  ASSERT_OK_AND_ASSIGN(const ListedPage first, List(kObjects - 1, ""));
  ASSERT_NE(first.next, "");
  Delete(*all_.rbegin());
  ASSERT_OK_AND_ASSIGN(const ListedPage last, List(1, first.next));
  EXPECT_TRUE(last.ids.empty());
  EXPECT_EQ(last.next, "");
}

TEST_P(PagingTest, EntryAddedBehindThePageIsListed) {
  ASSERT_OK_AND_ASSIGN(const ListedPage first, List(1, ""));
  std::set<std::string> expected = all_;
  for (int i = 0; i < 20; ++i) expected.insert(Make(absl::StrCat("more-", i)));
  expected.erase(expected.begin(), expected.upper_bound(first.ids.front()));
  ASSERT_OK_AND_ASSIGN(const ListedPage rest, List(0, first.next));
  EXPECT_EQ(rest.ids, std::vector<std::string>(expected.begin(), expected.end()));
}

TEST_P(PagingTest, NegativeMaximumIsInvalid) {
  for (const int32_t negative : {-1, std::numeric_limits<int32_t>::min()}) {
    EXPECT_THAT(List(negative, ""),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("max_entries")));
  }
}

TEST_P(PagingTest, TokenThatThisListDidNotGiveOutIsAborted) {
  const ListKind other = OfVolumes() ? ListKind::kSnapshots : ListKind::kVolumes;
  for (const std::string& token :
       {std::string("0"), std::string("-1"), std::string("4294967295"),
        std::string("invalid-token"), std::string("../x"), *all_.begin(),
        MakePageToken(other, *all_.begin()), MakePageToken(GetParam(), "x"),
        MakePageToken(GetParam(), ""), MakePageToken(GetParam(), *all_.begin()) + "x",
        std::string(1 << 20, 'x'), std::string("\0", 1)}) {
    EXPECT_THAT(List(0, token), StatusIs(absl::StatusCode::kAborted, HasSubstr("starting_token")))
        << token.substr(0, 200);
  }
}

INSTANTIATE_TEST_SUITE_P(Lists, PagingTest,
                         ::testing::Values(ListKind::kVolumes, ListKind::kSnapshots),
                         [](const auto& test) {
                           return test.param == ListKind::kVolumes ? "Volumes" : "Snapshots";
                         });

class ListVolumesTest : public ControllerFixture {};

TEST_F(ListVolumesTest, EntrySaysExactlyWhereItIsPublished) {
  const std::string published = MakeVolume("published");
  MakeVolume("unpublished");
  csi::v1::ControllerPublishVolumeRequest request;
  request.set_volume_id(published);
  request.set_node_id("node-1");
  *request.mutable_volume_capability() = MountCapability();
  ASSERT_OK(Call(&ControllerHandler::PublishVolume, request));
  ASSERT_OK_AND_ASSIGN(const auto list, handler_.ListVolumes(csi::v1::ListVolumesRequest()));
  ASSERT_EQ(list.entries_size(), 2);
  for (const auto& entry : list.entries()) {
    EXPECT_TRUE(entry.has_status());
    EXPECT_EQ(entry.volume().accessible_topology_size(), 1);
    const std::vector<std::string> nodes(entry.status().published_node_ids().begin(),
                                         entry.status().published_node_ids().end());
    EXPECT_EQ(nodes, entry.volume().volume_id() == published ? std::vector<std::string>{"node-1"}
                                                             : std::vector<std::string>{});
  }
}

}  // namespace
}  // namespace nodevol::controller
