// SPDX-License-Identifier: Apache-2.0
//
// The count of a pool's openings, by which what was decided about an earlier one is told.
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "storage/layout.h"
#include "storage/storage_test_util.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

class PoolEpochTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(node_, TestNode::Create({host::FilesystemType::kExt4}));
  }
  [[nodiscard]] uint64_t epoch() const { return node_->storage().Pools().at(0).epoch(); }
  [[nodiscard]] std::string File() const {
    return absl::StrCat(node_->disk().path(), "/", kMetaDirectory, "/", kEpochFile);
  }

  std::unique_ptr<TestNode> node_;
};

TEST_F(PoolEpochTest, GrowsByOneWithEachOpening) {
  const uint64_t first = epoch();
  EXPECT_GT(first, 0U);
  ASSERT_OK(node_->Reopen());
  EXPECT_EQ(epoch(), first + 1);
  ASSERT_OK(node_->Reopen());
  EXPECT_EQ(epoch(), first + 2);
}

TEST_F(PoolEpochTest, GoesOnFromAHigherOneWhereItCannotBeRead) {
  const uint64_t before = epoch();
  node_->Close();
  std::ofstream(File()) << "no record";
  ASSERT_OK(node_->Open());
  const uint64_t after = epoch();
  EXPECT_GT(after, before + 1'000'000);
  ASSERT_OK(node_->Reopen());
  EXPECT_EQ(epoch(), after + 1);
}

}  // namespace
}  // namespace nodevol::storage
