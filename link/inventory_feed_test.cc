// SPDX-License-Identifier: Apache-2.0
//
// In which order a replica is told what a node has, and what of it changes.
#include "link/inventory_feed.h"

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"

#include "test/support/matchers.h"
#include "test/support/memory_storage.h"

namespace nodevol::link {
namespace {

class InventoryFeedTest : public ::testing::Test {
 protected:
  void FillDisks(int volumes) {
    for (int i = 0; i < volumes; ++i) disks_.Put(absl::StrCat("v", i));
  }

  nodevol::testing::MemoryStorage disks_{{}};
};

TEST_F(InventoryFeedTest, AllIsToldOnceAndThenNothing) {
  FillDisks(600);
  const auto feed = InventoryFeed::Create(disks_, [] {});
  std::set<std::string> told;
  bool complete = false;
  while (const std::optional<v1::Inventory> part = feed->TakeNext(true)) {
    for (const auto& state : part->objects()) {
      EXPECT_TRUE(told.insert(state.id()).second) << state.id();
    }
    EXPECT_FALSE(complete);
    complete = part->complete();
  }
  EXPECT_TRUE(complete);
  EXPECT_EQ(told.size(), 600U);
  EXPECT_FALSE(feed->TakeNext(true).has_value());
}

TEST_F(InventoryFeedTest, ListingGoesOnWhileThingsChange) {
  FillDisks(600);
  const auto feed = InventoryFeed::Create(disks_, [] {});
  bool complete = false;
  for (int parts = 0; parts < 100 && !complete; ++parts) {
    disks_.Put(absl::StrCat("new", parts));
    const std::optional<v1::Inventory> part = feed->TakeNext(true);
    ASSERT_TRUE(part.has_value());
    complete = part->complete();
  }
  EXPECT_TRUE(complete);
}

TEST_F(InventoryFeedTest, WhatHasChangedIsTakenBeforeItIsSaidThatNothingHas) {
  const auto feed = InventoryFeed::Create(disks_, [] {});
  FillDisks(600);  // more than one part has
  std::set<std::string> told;
  while (feed->HasChanges()) {
    const std::optional<v1::Inventory> part = feed->TakeNext(true);
    ASSERT_TRUE(part.has_value());
    for (const auto& state : part->objects()) told.insert(state.id());
  }
  EXPECT_EQ(told.size(), 600U);
}

TEST_F(InventoryFeedTest, ItIsCompleteOnlyWhenThatMayBeSaid) {
  FillDisks(600);
  const auto feed = InventoryFeed::Create(disks_, [] {});
  std::set<std::string> told;
  while (const std::optional<v1::Inventory> part = feed->TakeNext(false)) {
    for (const auto& state : part->objects()) told.insert(state.id());
    EXPECT_FALSE(part->complete());
  }
  EXPECT_EQ(told.size(), 600U);
  const std::optional<v1::Inventory> last = feed->TakeNext(true);
  ASSERT_TRUE(last.has_value());
  EXPECT_TRUE(last->complete());
}

TEST_F(InventoryFeedTest, ListenerHearsOfEachChange) {
  int woken = 0;
  const auto feed = InventoryFeed::Create(disks_, [&woken] { ++woken; });
  woken = 0;
  disks_.Put("a");
  EXPECT_EQ(woken, 1);
  disks_.Erase("a");
  EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace nodevol::link
