// SPDX-License-Identifier: Apache-2.0
#include "storage/ids.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nodevol::storage {
namespace {

using ::testing::Eq;
using ::testing::MatchesRegex;

const std::string pool_uuid(kUuidCharacters, 'a');

TEST(IdsTest, SameNameInSamePoolIsSameId) {
  EXPECT_EQ(VolumeId::ForName(pool_uuid, "pvc-1"), VolumeId::ForName(pool_uuid, "pvc-1"));
  EXPECT_NE(VolumeId::ForName(pool_uuid, "pvc-1"), VolumeId::ForName(pool_uuid, "pvc-2"));
  EXPECT_NE(VolumeId::ForName(pool_uuid, "pvc-1"),
            VolumeId::ForName(std::string(kUuidCharacters, 'b'), "pvc-1"));
}

TEST(IdsTest, VolumeAndSnapshotOfOneNameAreTwoThings) {
  EXPECT_NE(VolumeId::ForName(pool_uuid, "x").text(), SnapshotId::ForName(pool_uuid, "x").text());
}

TEST(IdsTest, InlineVolumeIsOfAKindThatNoNameReaches) {
  for (const std::string name : {"csi-0", "inline:csi-0", "volume:csi-0", ""}) {
    EXPECT_NE(HashOfInlineVolume("csi-0"), VolumeId::HashOfName(name));
    EXPECT_NE(HashOfInlineVolume("csi-0"), SnapshotId::HashOfName(name));
  }
  EXPECT_NE(HashOfInlineVolume("csi-0"), HashOfInlineVolume("csi-1"));
  EXPECT_TRUE(IsUuid(HashOfInlineVolume("../../etc")));
  const VolumeId id = VolumeId::ForHash(pool_uuid, HashOfInlineVolume("csi-0"));
  EXPECT_THAT(VolumeId::Parse(id.text()), Eq(id));
  EXPECT_EQ(id.name_hash(), HashOfInlineVolume("csi-0"));
}

TEST(IdsTest, NameHashIsTheSameInEveryPool) {
  const std::string other(kUuidCharacters, 'b');
  EXPECT_EQ(VolumeId::ForName(pool_uuid, "pvc-1").name_hash(),
            VolumeId::ForName(other, "pvc-1").name_hash());
  EXPECT_EQ(VolumeId::ForName(pool_uuid, "pvc-1").name_hash(), VolumeId::HashOfName("pvc-1"));
  EXPECT_NE(VolumeId::HashOfName("pvc-1"), VolumeId::HashOfName("pvc-2"));
}

TEST(IdsTest, IdIsMadeOfHexWhateverTheName) {
  for (const std::string& name : {std::string("pvc-1"), std::string("../../etc/passwd"),
                                  std::string("a\0b", 3), std::string(), std::string(5000, 'x')}) {
    const VolumeId id = VolumeId::ForName(pool_uuid, name);
    EXPECT_THAT(id.text(), MatchesRegex("a+\\.[0-9a-f]+")) << name;
    EXPECT_EQ(id.text().size(), 2 * kUuidCharacters + 1);
    EXPECT_THAT(VolumeId::Parse(id.text()), Eq(id));
  }
}

TEST(IdsTest, MemberOfAGroupHasAnIdThatNoSnapshotsNameHas) {
  const VolumeId a = VolumeId::ForName(pool_uuid, "a");
  const VolumeId b = VolumeId::ForName(pool_uuid, "b");
  const SnapshotId member = MemberId("g", a);
  EXPECT_EQ(member.pool_uuid(), pool_uuid);
  EXPECT_EQ(member, MemberId("g", a));
  EXPECT_NE(member.text(), MemberId("g", b).text());
  EXPECT_NE(member.text(), MemberId("h", a).text());
  for (const std::string& name :
       {std::string("g"), absl::StrCat(a.text(), ":g"), absl::StrCat("member:", a.text(), ":g")}) {
    EXPECT_NE(member.text(), SnapshotId::ForName(pool_uuid, name).text()) << name;
  }
  EXPECT_NE(GroupId::HashOfName("g"), SnapshotId::HashOfName("g"));
  EXPECT_NE(GroupId::HashOfName("g"), VolumeId::HashOfName("g"));
}

TEST(IdsTest, ParsedIdTellsItsPool) {
  const std::string hash(kUuidCharacters, '0');
  const auto id = VolumeId::Parse(absl::StrCat(pool_uuid, ".", hash));
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->pool_uuid(), pool_uuid);
  EXPECT_EQ(id->name_hash(), hash);
}

TEST(IdsTest, WhatIsNoIdIsNotParsed) {
  const std::string hash(kUuidCharacters, '0');
  const std::string good = absl::StrCat(pool_uuid, ".", hash);
  ASSERT_TRUE(VolumeId::Parse(good).has_value());
  for (const std::string& bad :
       {std::string(), std::string("."), pool_uuid, absl::StrCat(pool_uuid, "."),
        absl::StrCat(pool_uuid, "/", hash), absl::StrCat(pool_uuid, hash), absl::StrCat(good, "0"),
        absl::StrCat(good, "\n"), absl::StrCat(" ", good), good.substr(1),
        absl::StrCat(std::string(kUuidCharacters, 'A'), ".", hash),
        absl::StrCat(std::string(kUuidCharacters, 'g'), ".", hash),
        absl::StrCat("../../../../../../etc/passwd0000", ".", hash),
        absl::StrCat(std::string(kUuidCharacters, '\0'), ".", hash)}) {
    EXPECT_FALSE(VolumeId::Parse(bad).has_value()) << bad;
    EXPECT_FALSE(SnapshotId::Parse(bad).has_value()) << bad;
  }
}

TEST(IdsTest, UuidIsThirtyTwoLowerCaseHexCharacters) {
  EXPECT_TRUE(IsUuid("0123456789abcdef0123456789abcdef"));
  EXPECT_FALSE(IsUuid("0123456789ABCDEF0123456789ABCDEF"));
  EXPECT_FALSE(IsUuid("0123456789abcdef0123456789abcde"));
  EXPECT_FALSE(IsUuid("01234567-89ab-cdef-0123-456789abcd"));
  EXPECT_FALSE(IsUuid(""));
}

TEST(PoolNameTest, IsAWordOfFewCharacters) {
  for (const std::string name : {"a", "ssd", "0", "fast-1", "abcdefghijklmnopqrstuvwxyz012345"}) {
    EXPECT_TRUE(IsPoolName(name)) << name;
  }
  for (const std::string name : {"", "-a", "a-", "A", "a_b", "a b", "a/b", "a,b", "ü",
                                 "abcdefghijklmnopqrstuvwxyz0123456"}) {
    EXPECT_FALSE(IsPoolName(name)) << name;
  }
}

TEST(InlineIdTest, IsAsKubeletMakesIt) {
  EXPECT_TRUE(IsInlineId("csi-" + std::string(64, '7')));
  for (const std::string& text :
       {std::string(), std::string("csi-"), std::string(64, '7'), "csi-" + std::string(63, '7'),
        "csi-" + std::string(64, 'F'), "CSI-" + std::string(64, '7')}) {
    EXPECT_FALSE(IsInlineId(text)) << text;
  }
}

}  // namespace
}  // namespace nodevol::storage
