// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/barrier.h"
#include "gtest/gtest.h"

namespace nodevol {
namespace {

TEST(ParallelTest, AllRunAtTheSameTime) {
  constexpr size_t kCount = 8;
  // Nobody gets through before all are there.
  absl::Barrier barrier(kCount);
  std::atomic<int> last = 0;
  const std::vector<absl::Status> all = InParallel(kCount, [&](size_t) {
    if (barrier.Block()) ++last;
    return absl::OkStatus();
  });
  EXPECT_EQ(all.size(), kCount);
  EXPECT_EQ(last, 1);
  EXPECT_TRUE(FirstError(all).ok());
}

TEST(ParallelTest, EachHasItsOwnResult) {
  const std::vector<absl::Status> all = InParallel(5, [](size_t i) {
    return i % 2 == 0 ? absl::OkStatus() : absl::NotFoundError(absl::StrCat(i));
  });
  ASSERT_EQ(all.size(), 5U);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].ok(), i % 2 == 0) << i;
  EXPECT_EQ(all[3].message(), "3");
  EXPECT_EQ(FirstError(all).message(), "1");
}

TEST(ParallelTest, FirstIsTheCallersThreads) {
  std::thread::id id;
  InParallel(3, [&](size_t i) {
    if (i == 0) id = std::this_thread::get_id();
    return absl::OkStatus();
  });
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST(ParallelTest, ExceptionIsAnErrorOfItsCall) {
  const std::vector<absl::Status> all = InParallel(3, [](size_t i) -> absl::Status {
    if (i > 0) throw std::runtime_error("unexpected");
    return absl::OkStatus();
  });
  EXPECT_TRUE(all[0].ok());
  EXPECT_TRUE(absl::IsInternal(all[1]));
  EXPECT_TRUE(absl::IsInternal(all[2]));
}

TEST(ParallelTest, NothingIsDoneForNone) {
  EXPECT_TRUE(InParallel(0, [](size_t) { return absl::InternalError("called"); }).empty());
}

}  // namespace
}  // namespace nodevol
