// SPDX-License-Identifier: Apache-2.0
#include "storage/ledger.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Promises `bytes` to the key for good.
absl::Status Promise(Ledger& ledger, const std::string& key, int64_t bytes) {
  absl::StatusOr<Ledger::Reservation> reservation = ledger.Reserve(key, bytes);
  if (!reservation.ok()) return reservation.status();
  reservation->Keep();
  return absl::OkStatus();
}

TEST(LedgerTest, NothingIsAvailableBeforeTheFilesystemWasAsked) {
  Ledger ledger(1.0);
  EXPECT_EQ(ledger.Available(), 0);
  EXPECT_THAT(ledger.Reserve("a", 1), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(LedgerTest, PromisesAreBoundByTheSize) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  EXPECT_OK(Promise(ledger, "a", 60));
  EXPECT_EQ(ledger.Available(), 40);
  EXPECT_THAT(ledger.Reserve("b", 41), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(Promise(ledger, "b", 40));
  EXPECT_EQ(ledger.Available(), 0);
  EXPECT_EQ(ledger.Promised(), 100);
}

TEST(LedgerTest, DataThatIsNotOursIsSeen) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 30);
  EXPECT_EQ(ledger.Available(), 30);
  EXPECT_OK(Promise(ledger, "a", 20));
  EXPECT_EQ(ledger.Available(), 10);
  // The foreign data grows into what was promised.
  ledger.SetFilesystem(100, 15);
  EXPECT_EQ(ledger.Available(), 0);
}

TEST(LedgerTest, WhatAPromiseHasWrittenIsNotCountedTwice) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  ASSERT_OK(Promise(ledger, "a", 60));
  // "a" writes 50: the filesystem has them less, and the promise is kept in part.
  ledger.SetFilesystem(100, 50);
  ledger.SetWritten("a", 50);
  EXPECT_EQ(ledger.Available(), 40);
}

TEST(LedgerTest, WrittenBeyondThePromiseFreesNothing) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 30);
  ASSERT_OK(Promise(ledger, "a", 20));
  ledger.SetWritten("a", 1000);
  EXPECT_EQ(ledger.Available(), 30);
}

TEST(LedgerTest, OvercommitStretchesTheSizeAndWhatIsFree) {
  Ledger ledger(2.0);
  ledger.SetFilesystem(100, 100);
  EXPECT_EQ(ledger.Available(), 200);
  ASSERT_OK(Promise(ledger, "a", 150));
  EXPECT_EQ(ledger.Available(), 50);
  // It writes 90: what is left unwritten would fit twice no more.
  ledger.SetFilesystem(100, 10);
  ledger.SetWritten("a", 90);
  EXPECT_EQ(ledger.Available(), 0);
}

// A deleted volume of 60, 40 of them written, that is kept as long as nobody needs the room.
class ExpendableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ledger_.SetFilesystem(100, 60);
    ASSERT_OK(Promise(ledger_, "volume", 60));
    ledger_.SetWritten("volume", 40);
    ledger_.Move("volume", "trash");
    ledger_.SetExpendable("trash", true);
  }

  Ledger ledger_ = Ledger(1.0);
};

TEST_F(ExpendableTest, CountsAsPromisedAndAsAvailable) {
  EXPECT_EQ(ledger_.Promised(), 60);
  EXPECT_EQ(ledger_.Expendable(), 60);
  EXPECT_EQ(ledger_.Available(), 100);
  EXPECT_EQ(ledger_.Shortfall(), 0);
}

TEST_F(ExpendableTest, WhoNeedsItsRoomGetsItAndMustSeeToIt) {
  EXPECT_OK(Promise(ledger_, "a", 40));
  EXPECT_EQ(ledger_.Shortfall(), 0);
  EXPECT_OK(Promise(ledger_, "b", 50));
  EXPECT_EQ(ledger_.Shortfall(), 50);
  EXPECT_EQ(ledger_.Available(), 10);
  EXPECT_THAT(ledger_.Reserve("c", 11), StatusIs(absl::StatusCode::kResourceExhausted));
  // It is given up; what it had written is being freed.
  ledger_.Release("trash");
  EXPECT_EQ(ledger_.Shortfall(40), 0);
  EXPECT_EQ(ledger_.Expendable(), 0);
}

TEST_F(ExpendableTest, ComesBackAsAPromiseLikeOthers) {
  ledger_.Move("trash", "volume");
  ledger_.SetExpendable("volume", false);
  EXPECT_EQ(ledger_.Available(), 40);
  EXPECT_EQ(ledger_.Expendable(), 0);
}

// Live volumes write, or somebody else does, until what was promised does not fit any more.
TEST_F(ExpendableTest, DiskThatFillsUpLacksItsRoom) {
  ASSERT_OK(Promise(ledger_, "a", 40));
  ledger_.SetFilesystem(100, 30);
  EXPECT_EQ(ledger_.Shortfall(), 30);
}

TEST(LedgerTest, ReservationThatIsNotKeptIsUndone) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  {
    ASSERT_OK_AND_ASSIGN(const Ledger::Reservation reservation, ledger.Reserve("a", 60));
    EXPECT_EQ(ledger.Available(), 40);
  }
  EXPECT_EQ(ledger.Available(), 100);
  EXPECT_EQ(ledger.Promised(), 0);
}

TEST(LedgerTest, MovedReservationIsUndoneOnce) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  {
    ASSERT_OK_AND_ASSIGN(Ledger::Reservation first, ledger.Reserve("a", 60));
    {
      const Ledger::Reservation second = std::move(first);
    }
    EXPECT_EQ(ledger.Promised(), 0);
    ASSERT_OK(Promise(ledger, "a", 10));
  }
  EXPECT_EQ(ledger.Promised(), 10);
}

TEST(LedgerTest, ReservationIsResizedAndStillUndoneWhole) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  ASSERT_OK(Promise(ledger, "a", 10));
  {
    ASSERT_OK_AND_ASSIGN(Ledger::Reservation reservation, ledger.Reserve("a", 30));
    EXPECT_OK(reservation.Resize(80));
    EXPECT_EQ(ledger.Promised(), 80);
    EXPECT_THAT(reservation.Resize(101), StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(ledger.Promised(), 80);
  }
  EXPECT_EQ(ledger.Promised(), 10);
}

TEST(LedgerTest, GrowthOfAKeyNeedsOnlyTheDifference) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  ASSERT_OK(Promise(ledger, "a", 80));
  EXPECT_OK(Promise(ledger, "a", 100));
  EXPECT_EQ(ledger.Promised(), 100);
  EXPECT_THAT(ledger.Reserve("a", 101), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ledger.Promised(), 100);
}

TEST(LedgerTest, FailedGrowthLeavesTheOldPromise) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  ASSERT_OK(Promise(ledger, "a", 30));
  ledger.SetWritten("a", 10);
  {
    ASSERT_OK_AND_ASSIGN(const Ledger::Reservation growth, ledger.Reserve("a", 90));
  }
  EXPECT_EQ(ledger.Promised(), 30);
  // What it had written is still known: 100 free - 20 to come.
  ledger.SetFilesystem(1000, 100);
  EXPECT_EQ(ledger.Available(), 80);
}

TEST(LedgerTest, ReleaseGivesThePromiseBack) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  ASSERT_OK(Promise(ledger, "a", 30));
  ledger.Release("a");
  EXPECT_EQ(ledger.Available(), 100);
  ledger.Release("a");
  ledger.Release("never seen");
  EXPECT_EQ(ledger.Available(), 100);
  EXPECT_EQ(ledger.Promised(), 0);
}

TEST(LedgerTest, WrittenOfAnUnknownKeyIsIgnored) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  ledger.SetWritten("gone", 50);
  EXPECT_EQ(ledger.Available(), 100);
  EXPECT_OK(Promise(ledger, "gone", 100));
}

TEST(LedgerTest, OldPromisesAreRestoredEvenWhenThereAreTooMany) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  ledger.Restore("a", 90);
  ledger.Restore("b", 90);
  EXPECT_EQ(ledger.Promised(), 180);
  EXPECT_EQ(ledger.Available(), 0);
  EXPECT_THAT(ledger.Reserve("c", 1), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(LedgerTest, RefusalCarriesTheFigures) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(3 * kMiB, 2 * kMiB);
  ASSERT_OK(Promise(ledger, "a", kMiB));
  EXPECT_THAT(
      ledger.Reserve("b", 5 * kMiB),
      StatusIs(absl::StatusCode::kResourceExhausted,
               AllOf(HasSubstr("5 MiB (5242880 bytes) wanted"), HasSubstr("1 MiB (1048576 bytes)"),
                     HasSubstr("3 MiB (3145728 bytes) in all"), HasSubstr("free"))));
}

TEST(LedgerTest, RoomIsCheckedWithoutAPromise) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  ASSERT_OK(Promise(ledger, "a", 60));
  EXPECT_OK(ledger.CheckRoom("b", 40));
  EXPECT_THAT(ledger.CheckRoom("b", 41),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("41 bytes wanted")));
  EXPECT_OK(ledger.CheckRoom("a", 100)) << "only the difference is asked for";
  EXPECT_EQ(ledger.Promised(), 60);
}

TEST(LedgerTest, SaysWhereTheSpaceWent) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 70);
  ASSERT_OK(Promise(ledger, "a", 20));
  ASSERT_OK(Promise(ledger, "b", 20));
  ledger.SetWritten("a", 5);
  ledger.SetWritten("b", 7);
  EXPECT_EQ(ledger.Free(), 70);
  EXPECT_EQ(ledger.Written(), 12);
  EXPECT_EQ(ledger.Written("b"), 7);
  EXPECT_EQ(ledger.Written("unknown"), 0);
}

TEST(LedgerTest, LargestDisksDoNotOverflow) {
  constexpr int64_t kEiB = kTiB * 1024 * 1024;
  Ledger ledger(100.0);
  ledger.SetFilesystem(7 * kEiB, 7 * kEiB);
  EXPECT_EQ(ledger.Available(), INT64_MAX);
  EXPECT_OK(Promise(ledger, "a", INT64_MAX));
  EXPECT_EQ(ledger.Available(), 0);
  EXPECT_EQ(ledger.Shortfall(), 0);
  EXPECT_THAT(ledger.Reserve("b", 1), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(LedgerTest, WhatALesserPromiseWouldFreeIsHeldUntilItIsKept) {
  Ledger ledger(1.0);
  ledger.SetFilesystem(100, 100);
  ASSERT_OK(Promise(ledger, "a", 80));
  {
    ASSERT_OK_AND_ASSIGN(Ledger::Reservation lesser, ledger.Reserve("a", 30));
    EXPECT_THAT(ledger.Reserve("b", 60), StatusIs(absl::StatusCode::kResourceExhausted));
    ASSERT_OK(lesser.Resize(90));
    EXPECT_EQ(ledger.Promised(), 90);
    ASSERT_OK(lesser.Resize(40));
    EXPECT_EQ(ledger.Promised(), 80);
  }
  EXPECT_EQ(ledger.Promised(), 80) << "not kept";
  ASSERT_OK_AND_ASSIGN(Ledger::Reservation lesser, ledger.Reserve("a", 30));
  lesser.Keep();
  EXPECT_EQ(ledger.Promised(), 30);
  EXPECT_OK(Promise(ledger, "b", 70));
}

TEST(LedgerTest, ManyThreadsNeverPromiseMoreThanThereIs) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 2000;
  constexpr int64_t kTotal = 1000;
  Ledger ledger(1.0);
  ledger.SetFilesystem(kTotal, kTotal);
  std::atomic<int64_t> worst = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const std::string key = absl::StrCat(t, "-", i % 3);
        {
          absl::StatusOr<Ledger::Reservation> reservation = ledger.Reserve(key, 150 + i % 200);
          const int64_t promised = ledger.Promised();
          if (promised > worst) worst = promised;
          if (reservation.ok() && i % 2 == 0) reservation->Keep();
        }
        if (i % 5 == 0) ledger.Release(key);
      }
      for (int i = 0; i < 3; ++i) ledger.Release(absl::StrCat(t, "-", i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(worst, 0);
  EXPECT_LE(worst, kTotal);
  EXPECT_EQ(ledger.Promised(), 0);
  EXPECT_EQ(ledger.Available(), kTotal);
}

}  // namespace
}  // namespace nodevol::storage
