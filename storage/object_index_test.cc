// SPDX-License-Identifier: Apache-2.0
#include "storage/object_index.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"

#include "proto/storage.pb.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Index = ObjectIndex<v1::VolumeRecord>;

Index::Pointer Record(const std::string& id, uint64_t generation = 1) {
  auto record = std::make_shared<v1::VolumeRecord>();
  record->set_id(id);
  record->set_generation(generation);
  return record;
}

std::vector<std::string> Ids(const std::vector<Index::Pointer>& page) {
  std::vector<std::string> ids;
  ids.reserve(page.size());
  for (const Index::Pointer& record : page) ids.push_back(record->id());
  return ids;
}

TEST(ObjectIndexTest, FindsWhatWasPutLast) {
  Index index;
  index.Put(Record("a", 1));
  index.Put(Record("a", 2));
  ASSERT_OK_AND_ASSIGN(const Index::Pointer found, index.Find("a"));
  EXPECT_EQ(found->generation(), 2U);
  EXPECT_EQ(index.size(), 1U);
}

TEST(ObjectIndexTest, WhatIsNotThereIsNotFound) {
  Index index;
  EXPECT_THAT(index.Find("a"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("a")));
  index.Put(Record("a"));
  index.Erase("a");
  index.Erase("a");
  EXPECT_THAT(index.Find("a"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(index.size(), 0U);
}

TEST(ObjectIndexTest, PackedRecordsAreTheSame) {
  Index whole;
  Index packed(Keep::kPacked);
  const auto record = std::make_shared<v1::VolumeRecord>(*Record("a"));
  record->mutable_request()->set_name("pvc-1");
  (*record->mutable_volume_context())["pool"] = "ssd";
  for (Index* const index : {&whole, &packed}) {
    index->Put(record);
    index->Put(Record("b"));
    ASSERT_OK_AND_ASSIGN(const Index::Pointer found, index->Find("a"));
    EXPECT_EQ(found->SerializeAsString(), record->SerializeAsString());
    EXPECT_THAT(Ids(index->After("", 10)), ElementsAre("a", "b"));
  }
  // One is kept, the other made for each who asks.
  EXPECT_EQ(*whole.Find("a"), *whole.Find("a"));
  EXPECT_NE(*packed.Find("a"), *packed.Find("a"));
}

TEST(ObjectIndexTest, HolderOfARecordKeepsIt) {
  Index index;
  index.Put(Record("a"));
  ASSERT_OK_AND_ASSIGN(const Index::Pointer held, index.Find("a"));
  index.Erase("a");
  EXPECT_EQ(held->id(), "a");
}

TEST(ObjectIndexTest, DamagedObjectExistsButIsNotUsable) {
  Index index;
  index.PutDamaged("a", absl::DataLossError("the checksum does not match"));
  EXPECT_THAT(index.Find("a"),
              StatusIs(absl::StatusCode::kInternal,
                       AllOf(HasSubstr("the checksum does not match"), HasSubstr("untouched"))));
  EXPECT_EQ(index.damaged(), 1U);
  EXPECT_EQ(index.size(), 0U);
  EXPECT_THAT(index.After("", 10), IsEmpty());
}

TEST(ObjectIndexTest, UndecidedObjectIsNeitherThereNorNot) {
  Index index;
  index.Put(Record("a"));
  index.PutUndecided("a", "its pool has not said yet");
  EXPECT_THAT(index.Find("a"), StatusIs(absl::StatusCode::kUnavailable,
                                        AllOf(HasSubstr("a exists is not known"),
                                              HasSubstr("its pool has not said yet"))));
  EXPECT_EQ(index.undecided(), 1U);
  EXPECT_EQ(index.size(), 0U);
  EXPECT_EQ(index.damaged(), 0U);
  EXPECT_THAT(index.After("", 10), IsEmpty());
  index.Put(Record("a"));
  EXPECT_OK(index.Find("a"));
  EXPECT_EQ(index.undecided(), 0U);
  index.PutUndecided("a", "");
  index.Erase("a");
  EXPECT_THAT(index.Find("a"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ObjectIndexTest, PagesAreInTheOrderOfTheirIds) {
  Index index;
  for (const char* id : {"c", "a", "e", "b", "d"}) index.Put(Record(id));
  EXPECT_THAT(Ids(index.After("", 2)), ElementsAre("a", "b"));
  EXPECT_THAT(Ids(index.After("b", 2)), ElementsAre("c", "d"));
  EXPECT_THAT(Ids(index.After("d", 2)), ElementsAre("e"));
  EXPECT_THAT(Ids(index.After("e", 2)), IsEmpty());
  EXPECT_THAT(Ids(index.After("", 0)), IsEmpty());
  EXPECT_THAT(Ids(index.After("", 100)), ElementsAre("a", "b", "c", "d", "e"));
}

TEST(ObjectIndexTest, PageGoesOnWhereTheLastEntryWasDeleted) {
  Index index;
  for (const char* id : {"a", "b", "c", "d"}) index.Put(Record(id));
  const std::vector<std::string> page = Ids(index.After("", 2));
  index.Erase("b");
  EXPECT_THAT(Ids(index.After(page.back(), 2)), ElementsAre("c", "d"));
}

TEST(ObjectIndexTest, EveryRecordIsOnExactlyOnePage) {
  Index index;
  std::vector<std::string> all;
  for (int i = 0; i < 1000; ++i) {
    all.push_back(absl::StrFormat("%04d", i));
    index.Put(Record(all.back()));
  }
  std::vector<std::string> seen;
  std::string after;
  while (true) {
    const std::vector<std::string> page = Ids(index.After(after, 7));
    if (page.empty()) break;
    seen.insert(seen.end(), page.begin(), page.end());
    after = page.back();
  }
  EXPECT_EQ(seen, all);
}

TEST(ObjectIndexTest, DamagedOnesAreListedUntilTheyAreReplaced) {
  Index index;
  index.PutDamaged("b", absl::DataLossError("torn"));
  index.PutDamaged("a", absl::DataLossError("gone"));
  const auto damaged = index.Damaged();
  ASSERT_EQ(damaged.size(), 2U);
  EXPECT_EQ(damaged[0].first, "a");
  EXPECT_EQ(damaged[0].second, absl::DataLossError("gone"));
  index.Put(Record("a"));
  EXPECT_EQ(index.Damaged().size(), 1U);
}

}  // namespace
}  // namespace nodevol::storage
