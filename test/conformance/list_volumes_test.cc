// SPDX-License-Identifier: Apache-2.0
//
// Group 9, ListVolumes: pages, tokens, published nodes. Others may have volumes there too.
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

constexpr int kVolumes = 5;

class ListVolumesConformance : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    if (IsSkipped()) return;
    REQUIRE_ANNOUNCED(ControllerRpc::LIST_VOLUMES);
  }
  void MakeVolumes() {
    for (int i = 0; i < kVolumes; ++i) {
      ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume(absl::StrCat("volume-", i)));
      volumes_.push_back(volume);
    }
  }
  static absl::StatusOr<csi::v1::ListVolumesResponse> List(int32_t max_entries,
                                                           const std::string& token = "") {
    csi::v1::ListVolumesRequest request;
    request.set_max_entries(max_entries);
    request.set_starting_token(token);
    return driver().Call(&Controller::ListVolumes, request);
  }
  // How often each volume is in the list that is read in pages of this size.
  static std::map<std::string, int> CountInPages(int32_t max_entries, int& pages) {
    std::map<std::string, int> counts;
    std::string token;
    pages = 0;
    do {
      const auto page = List(max_entries, token);
      EXPECT_OK(page);
      if (!page.ok()) break;
      if (max_entries > 0) {
        EXPECT_THAT(page->entries_size(), Le(max_entries));
      }
      for (const auto& entry : page->entries()) ++counts[entry.volume().volume_id()];
      token = page->next_token();
    } while (++pages < 10'000 && !token.empty());
    EXPECT_THAT(token, IsEmpty()) << "the list does not end";
    return counts;
  }
  std::vector<std::string> PublishedNodes(const std::string& volume_id) {
    const auto listed = List(0);
    EXPECT_OK(listed);
    if (!listed.ok()) return {};
    for (const auto& entry : listed->entries()) {
      if (entry.volume().volume_id() != volume_id) continue;
      EXPECT_TRUE(entry.has_status()) << "MUST be specified";
      return {entry.status().published_node_ids().begin(),
              entry.status().published_node_ids().end()};
    }
    ADD_FAILURE() << volume_id << " is not listed";
    return {};
  }

  std::vector<csi::v1::Volume> volumes_;
};

// ListVolumesRequest.max_entries, ListVolumesResponse.next_token.
TEST_F(ListVolumesConformance, EveryVolumeIsInExactlyOnePage) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  for (const int32_t size : {1, 2, kVolumes, std::numeric_limits<int32_t>::max(), 0}) {
    SCOPED_TRACE(absl::StrCat("pages of ", size));
    int pages = 0;
    std::map<std::string, int> counts = CountInPages(size, pages);
    for (const csi::v1::Volume& volume : volumes_) EXPECT_EQ(counts[volume.volume_id()], 1);
    for (const auto& [id, count] : counts) EXPECT_EQ(count, 1) << id;
  }
}

// "If the actual number of entries is more than this number, the Plugin MUST set next_token".
TEST_F(ListVolumesConformance, ShortPageHasATokenForTheNext) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK_AND_ASSIGN(const auto page, List(kVolumes - 1));
  EXPECT_THAT(page.entries_size(), Le(kVolumes - 1));
  EXPECT_FALSE(page.next_token().empty());
}

// "ListVolumes": a CO "SHALL NOT expect a consistent view", but a list that goes on.
TEST_F(ListVolumesConformance, PagingGoesOnWhenAPageWasDeleted) {
  ASSERT_NO_FATAL_FAILURE(MakeVolumes());
  ASSERT_OK_AND_ASSIGN(const auto page, List(2));
  ASSERT_FALSE(page.next_token().empty());
  for (const auto& entry : page.entries()) {
    const bool own = std::any_of(volumes_.begin(), volumes_.end(), [&](const auto& volume) {
      return volume.volume_id() == entry.volume().volume_id();
    });
    if (own) {
      ASSERT_OK(DeleteVolume(entry.volume().volume_id()));
    }
  }
  EXPECT_OK(List(2, page.next_token()));
}

// "ListVolumes Errors", Invalid starting_token.
TEST_F(ListVolumesConformance, InvalidTokenIsAborted) {
  for (const char* const token : {"-1", "4294967295", "9223372036854775807", "18446744073709551616",
                                  "not-a-token", "../x", "%n"}) {
    EXPECT_THAT(List(0, token), StatusIs(StatusCode::kAborted)) << token;
    EXPECT_THAT(List(1, token), StatusIs(StatusCode::kAborted)) << token;
  }
  // It is a token for those who count.
  EXPECT_THAT(List(1, "0"), StatusIsEither(StatusCode::kAborted, StatusCode::kOk));
}

// max_entries: "MUST NOT be negative".
TEST_F(ListVolumesConformance, NegativeMaxEntriesIsRefused) {
  EXPECT_THAT(List(-1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(List(std::numeric_limits<int32_t>::min()), StatusIs(StatusCode::kInvalidArgument));
}

// ListVolumesResponse.VolumeStatus.published_node_ids.
TEST_F(ListVolumesConformance, PublishedNodesAreThose) {
  REQUIRE_ANNOUNCED(ControllerRpc::LIST_VOLUMES_PUBLISHED_NODES);
  ASSERT_OK_AND_ASSIGN(const csi::v1::Volume volume, CreateVolume());
  NodeVolume on_node = OnNode(volume);
  EXPECT_THAT(PublishedNodes(volume.volume_id()), IsEmpty());
  ASSERT_OK(on_node.Attach());
  EXPECT_THAT(PublishedNodes(volume.volume_id()), ElementsAre(driver().node().node_id()));
  ASSERT_OK(on_node.Detach());
  EXPECT_THAT(PublishedNodes(volume.volume_id()), IsEmpty());
}

}  // namespace
}  // namespace nodevol::testing
