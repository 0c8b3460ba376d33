// SPDX-License-Identifier: Apache-2.0
//
// How much a controller keeps of one node.
#include "link/remote_pools.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "link/node_connection.h"
#include "storage/ids.h"
#include "test/support/matchers.h"

namespace nodevol::link {
namespace {

using nodevol::testing::StatusIs;
using storage::VolumeId;

constexpr char kPool[] = "0123456789abcdef0123456789abcdef";
constexpr size_t kLimit = 100'000;

// For tests: a stream that is only told from others.
class FakeConnection final : public NodeConnection {
 public:
  void Send(const storage::OperationContext&, v1::Command, Callback<v1::Result> done) override {
    std::move(done)(absl::UnavailableError("it goes nowhere"));
  }
  void Close(const absl::Status&) override {}
};

class RemotePoolsTest : public ::testing::Test {
 protected:
  // Begins to tell anew of the pool.
  void Begin() {
    pools_.BeginStream(stream_);
    v1::Inventory inventory;
    inventory.mutable_pools()->add_pools()->set_uuid(kPool);
    inventory.set_begin_pool(kPool);
    ASSERT_OK(pools_.Apply(stream_, inventory));
  }
  absl::Status End() {
    v1::Inventory inventory;
    inventory.set_end_pool(kPool);
    inventory.set_complete(true);
    return pools_.Apply(stream_, inventory);
  }
  static v1::Inventory Volume(const std::string& name) {
    v1::Inventory inventory;
    nodevol::v1::ObjectState& state = *inventory.add_objects();
    state.set_id(VolumeId::ForName(kPool, name).text());
    state.mutable_volume()->set_id(state.id());
    return inventory;
  }
  absl::Status Tell(const v1::Inventory& inventory) { return pools_.Apply(stream_, inventory); }
  // Tells of new objects until that is too much. Returns how many were taken.
  int Fill(const std::string& prefix) {
    for (int i = 0;; ++i) {
      const absl::Status told = Tell(Volume(absl::StrCat(prefix, i)));
      if (told.ok() && i < 100'000) continue;
      EXPECT_THAT(told, StatusIs(absl::StatusCode::kResourceExhausted));
      return i;
    }
  }
  size_t Known() const { return pools_.Find(kPool)->catalog->volumes.size(); }

  FakeConnection stream_;
  RemotePools pools_{kLimit};
};

TEST_F(RemotePoolsTest, ListingEndsAtTheLimit) {
  Begin();
  const int taken = Fill("v");
  EXPECT_GT(taken, 10);
  EXPECT_LT(taken, 1000);
}

TEST_F(RemotePoolsTest, ChangesEndAtTheLimit) {
  Begin();
  ASSERT_OK(End());
  EXPECT_LT(Fill("v"), 1000);
}

TEST_F(RemotePoolsTest, WhatComesAndGoesCostsNothing) {
  Begin();
  ASSERT_OK(End());
  for (int i = 0; i < 5000; ++i) {
    v1::Inventory inventory = Volume(absl::StrCat("v", i));
    nodevol::v1::HealthCondition& ill = *inventory.mutable_objects(0)->add_conditions();
    ill.set_message(std::string(1000, 'x'));
    ASSERT_OK(Tell(inventory)) << i;
    inventory.mutable_objects(0)->clear_object();
    inventory.mutable_objects(0)->clear_conditions();
    ASSERT_OK(Tell(inventory)) << i;
  }
  EXPECT_EQ(Known(), 0U);
}

TEST_F(RemotePoolsTest, EverythingThatIsKeptCounts) {
  constexpr int kMany = 100'000;
  // How many of such objects are taken.
  const auto taken_of = [this](const nodevol::v1::ObjectState& like) {
    Begin();
    for (int i = 0; i < kMany; ++i) {
      v1::Inventory inventory;
      nodevol::v1::ObjectState& state = *inventory.add_objects();
      state = like;
      state.set_id(VolumeId::ForName(kPool, absl::StrCat(i)).text());
      if (state.has_volume()) state.mutable_volume()->set_id(state.id());
      if (!Tell(inventory).ok()) return i;
    }
    return kMany;
  };
  nodevol::v1::ObjectState damaged;
  damaged.mutable_damaged()->set_code(1);
  EXPECT_LT(taken_of(damaged), 1000);
  nodevol::v1::ObjectState undecided;
  undecided.mutable_undecided()->clear_message();
  EXPECT_LT(taken_of(undecided), 1000);
  nodevol::v1::ObjectState ill;
  ill.add_conditions();
  EXPECT_LT(taken_of(ill), 1000);
  // Parts that take little on the wire and much in memory.
  nodevol::v1::ObjectState hollow;
  for (int i = 0; i < 10'000; ++i) hollow.mutable_volume()->mutable_request()->add_capabilities();
  EXPECT_LT(hollow.ByteSizeLong(), kLimit);
  EXPECT_EQ(taken_of(hollow), 0);
}

TEST_F(RemotePoolsTest, NodeThatHadTooMuchComesBackWithLess) {
  Begin();
  ASSERT_OK(End());
  const int taken = Fill("old");
  // Of what it had it has nothing now, and as much that is new.
  Begin();
  for (int i = 0; i < taken - 1; ++i) ASSERT_OK(Tell(Volume(absl::StrCat("new", i)))) << i;
  ASSERT_OK(End());
  EXPECT_EQ(Known(), static_cast<size_t>(taken - 1));
}

TEST_F(RemotePoolsTest, OnlyTheStreamThatBeganLastIsHeard) {
  Begin();
  ASSERT_OK(End());
  FakeConnection later;
  pools_.BeginStream(later);
  v1::Inventory complete;
  complete.set_complete(true);
  EXPECT_THAT(Tell(complete), StatusIs(absl::StatusCode::kAborted));
  EXPECT_FALSE(pools_.complete());
  EXPECT_OK(pools_.Apply(later, complete));
  EXPECT_TRUE(pools_.complete());
}

}  // namespace
}  // namespace nodevol::link
