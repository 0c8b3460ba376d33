// SPDX-License-Identifier: Apache-2.0
#include "controller/page_token.h"

#include <random>
#include <string>

#include "storage/ids.h"
#include "test/support/matchers.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;

const std::string& Id() {
  static const auto* const id = new std::string(
      storage::VolumeId::ForName("0123456789abcdef0123456789abcdef", "pvc-1").text());
  return *id;
}

TEST(PageTokenTest, RoundTrip) {
  for (const ListKind kind : {ListKind::kVolumes, ListKind::kSnapshots}) {
    EXPECT_THAT(ParsePageToken(kind, MakePageToken(kind, Id())), IsOkAndHolds(Id()));
  }
}

TEST(PageTokenTest, EmptyTokenIsTheFirstPage) {
  EXPECT_THAT(ParsePageToken(ListKind::kVolumes, ""), IsOkAndHolds(""));
  EXPECT_THAT(ParsePageToken(ListKind::kSnapshots, ""), IsOkAndHolds(""));
}

TEST(PageTokenTest, FitsTheSpecsLimitOfStrings) {
  EXPECT_LE(MakePageToken(ListKind::kVolumes, Id()).size(), 128U);
  EXPECT_LE(MakePageToken(ListKind::kSnapshots, Id()).size(), 128U);
}

TEST(PageTokenTest, EverySingleCharacterMatters) {
  const std::string token = MakePageToken(ListKind::kVolumes, Id());
  for (size_t at = 0; at < token.size(); ++at) {
    std::string changed = token;
    changed[at] = '!';
    EXPECT_THAT(ParsePageToken(ListKind::kVolumes, changed), StatusIs(absl::StatusCode::kAborted))
        << changed;
    EXPECT_THAT(ParsePageToken(ListKind::kVolumes, token.substr(0, at + 1) + token.substr(at)),
                StatusIs(absl::StatusCode::kAborted));
    // Of the first nothing remains: that is the empty token.
    if (at > 0) {
      EXPECT_THAT(ParsePageToken(ListKind::kVolumes, token.substr(0, at)),
                  StatusIs(absl::StatusCode::kAborted));
    }
  }
}

TEST(PageTokenTest, RandomBytesAreAborted) {
  std::mt19937 random(4711);  // NOLINT: a failure is to be repeated
  for (int round = 0; round < 10000; ++round) {
    std::string token(1 + random() % 200, '\0');
    for (char& c : token) c = static_cast<char>(random());
    if (round % 2 == 0) token = MakePageToken(ListKind::kVolumes, token);
    EXPECT_THAT(ParsePageToken(ListKind::kVolumes, token), StatusIs(absl::StatusCode::kAborted));
  }
}

}  // namespace
}  // namespace nodevol::controller
