// SPDX-License-Identifier: Apache-2.0
#include "controller/name_index.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nodevol::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

bool Yes(const std::string&) { return true; }
bool No(const std::string&) { return false; }

TEST(NameIndexTest, FindsThePoolsOfAName) {
  NameIndex index;
  index.Add("a", "pool-1");
  index.Add("a", "pool-2");
  index.Add("a", "pool-1");
  index.Add("b", "pool-1");
  EXPECT_THAT(index.PoolsOf("a", Yes), UnorderedElementsAre("pool-1", "pool-2"));
  EXPECT_THAT(index.PoolsOf("b", Yes), ElementsAre("pool-1"));
  EXPECT_THAT(index.PoolsOf("c", Yes), IsEmpty());
  EXPECT_EQ(index.size(), 2U);
}

TEST(NameIndexTest, WhatIsNotThereIsForgotten) {
  NameIndex index;
  index.Add("a", "pool-1");
  EXPECT_THAT(index.PoolsOf("a", No), IsEmpty());
  EXPECT_EQ(index.size(), 0U);
  EXPECT_THAT(index.PoolsOf("a", Yes), IsEmpty());
}

TEST(NameIndexTest, WhatAppearsWhileItIsLookedUpIsNotForgotten) {
  NameIndex index;
  index.Add("a", "pool-1");
  EXPECT_THAT(index.PoolsOf("a",
                            [&index](const std::string& pool) {
                              index.Add("a", pool);  // a moment after the look
                              return false;
                            }),
              IsEmpty());
  EXPECT_THAT(index.PoolsOf("a", Yes), ElementsAre("pool-1"));
}

TEST(NameIndexTest, SweepForgetsWhatIsGone) {
  NameIndex index;
  std::set<std::string> there;
  for (int i = 0; i < 100; ++i) {
    index.Add(std::to_string(i), "pool-1");
    if (i % 2 == 0) there.insert(std::to_string(i));
  }
  index.Sweep(
      [&there](const std::string& name, const std::string&) { return there.contains(name); });
  EXPECT_EQ(index.size(), 50U);
}

}  // namespace
}  // namespace nodevol::controller
