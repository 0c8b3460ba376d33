// SPDX-License-Identifier: Apache-2.0
#include "controller/snapshot_metadata_handler.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/controller_fixture.h"

namespace nodevol::controller {
namespace {

using nodevol::testing::StatusIs;
using storage::BlockRange;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;
using Allocated = csi::v1::GetMetadataAllocatedRequest;
using Delta = csi::v1::GetMetadataDeltaRequest;

constexpr int64_t kBlock = storage::kBlockAlignment;

// What came out of a stream.
struct Told {
  absl::Status end;
  std::vector<BlockRange> ranges;
  std::vector<size_t> per_message;
};

class SnapshotMetadataHandlerTest : public ControllerFixture {
 protected:
  void SetUp() override {
    base_ = MakeSnapshot("base", "volume");
    target_ = MakeSnapshot("target", "volume");
    for (int64_t i = 0; i < 10; ++i) {
      storage_.allocated.push_back({.offset = 3 * i * kBlock, .length = kBlock});
      storage_.changed.push_back({.offset = 5 * i * kBlock, .length = 2 * kBlock});
    }
  }

  template <typename Message>
  static Told ReadAll(absl::StatusOr<SnapshotMetadataHandler::Source<Message>> source) {
    Told told;
    told.end = source.status();
    while (told.end.ok()) {
      std::optional<absl::StatusOr<std::optional<Message>>> answer;
      (*source)->Next([&answer](absl::StatusOr<std::optional<Message>> given) {
        EXPECT_FALSE(answer.has_value()) << "answered twice";
        answer = std::move(given);
      });
      if (!answer.has_value()) {
        ADD_FAILURE() << "never answered";
        return told;
      }
      told.end = answer->status();
      if (!told.end.ok() || !(*answer)->has_value()) return told;
      const Message& message = ***answer;
      EXPECT_EQ(message.block_metadata_type(), csi::v1::VARIABLE_LENGTH);
      EXPECT_EQ(message.volume_capacity_bytes(), FakeNodeStorage::kSnapshotBytes);
      told.per_message.push_back(static_cast<size_t>(message.block_metadata_size()));
      for (const csi::v1::BlockMetadata& block : message.block_metadata()) {
        told.ranges.push_back({.offset = block.byte_offset(), .length = block.size_bytes()});
      }
    }
    return told;
  }

  Told Call(const Allocated& request) {
    return ReadAll(metadata_.GetMetadataAllocated({}, request));
  }
  Told Call(const Delta& request) { return ReadAll(metadata_.GetMetadataDelta({}, request)); }

  [[nodiscard]] Allocated AllocatedRequest(int64_t offset = 0, int32_t max_results = 0) const {
    Allocated request;
    request.set_snapshot_id(target_);
    request.set_starting_offset(offset);
    request.set_max_results(max_results);
    return request;
  }
  [[nodiscard]] Delta DeltaRequest(const std::string& base, const std::string& target,
                                   int64_t offset = 0, int32_t max_results = 0) const {
    Delta request;
    request.set_base_snapshot_id(base);
    request.set_target_snapshot_id(target);
    request.set_starting_offset(offset);
    request.set_max_results(max_results);
    return request;
  }

  std::string base_;
  std::string target_;
  SingleNode cluster_{storage_};
  SnapshotMetadataHandler metadata_{cluster_};
};

TEST_F(SnapshotMetadataHandlerTest, TellsWhatTheStorageHasInOneMessage) {
  const Told allocated = Call(AllocatedRequest());
  EXPECT_OK(allocated.end);
  EXPECT_EQ(allocated.ranges, storage_.allocated);
  EXPECT_THAT(allocated.per_message, ElementsAre(10));
  const Told delta = Call(DeltaRequest(base_, target_));
  EXPECT_OK(delta.end);
  EXPECT_EQ(delta.ranges, storage_.changed);
  EXPECT_EQ(storage_.block_pages_asked, 2);
}

TEST_F(SnapshotMetadataHandlerTest, NoMessageHasMoreThanWasAskedFor) {
  for (const int32_t max : {1, 3, 9, 10, 11, std::numeric_limits<int32_t>::max()}) {
    // Whatever the storage's pages are.
    for (const size_t page : {size_t{1}, size_t{2}, size_t{7}, size_t{4096}}) {
      storage_.blocks_per_page = page;
      const Told allocated = Call(AllocatedRequest(0, max));
      EXPECT_OK(allocated.end);
      EXPECT_EQ(allocated.ranges, storage_.allocated);
      EXPECT_THAT(allocated.per_message, Each(Le(static_cast<size_t>(max))));
      EXPECT_EQ(Call(DeltaRequest(base_, target_, 0, max)).ranges, storage_.changed);
    }
  }
}

TEST_F(SnapshotMetadataHandlerTest, FewRangesInAMessageDoNotMeanMoreQuestions) {
  storage_.block_pages_asked = 0;
  EXPECT_THAT(Call(AllocatedRequest(0, 1)).per_message, SizeIs(10));
  EXPECT_EQ(storage_.block_pages_asked, 1);
}

TEST_F(SnapshotMetadataHandlerTest, BeginsWhereItIsAskedTo) {
  // In the middle of the third, as the storage sees it.
  const Told told = Call(DeltaRequest(base_, target_, 11 * kBlock));
  std::vector<BlockRange> expected(storage_.changed.begin() + 2, storage_.changed.end());
  expected[0] = {.offset = 11 * kBlock, .length = kBlock};
  EXPECT_EQ(told.ranges, expected);
}

TEST_F(SnapshotMetadataHandlerTest, NothingToTellIsOneMessageWithTheSize) {
  storage_.allocated.clear();
  const Told none = Call(AllocatedRequest());
  EXPECT_OK(none.end);
  EXPECT_THAT(none.per_message, ElementsAre(0));
  // From the end on, which a client asks for that goes on after the last range.
  const Told end = Call(DeltaRequest(base_, target_, FakeNodeStorage::kSnapshotBytes));
  EXPECT_OK(end.end);
  EXPECT_THAT(end.per_message, ElementsAre(0));
}

TEST_F(SnapshotMetadataHandlerTest, OffsetOutsideOfTheVolumeIsOutOfRange) {
  for (const int64_t offset :
       {int64_t{-1}, std::numeric_limits<int64_t>::min(), FakeNodeStorage::kSnapshotBytes + 1,
        std::numeric_limits<int64_t>::max()}) {
    const auto out_of_range =
        StatusIs(absl::StatusCode::kOutOfRange,
                 AllOf(HasSubstr("starting_offset"), HasSubstr(std::to_string(offset))));
    EXPECT_THAT(Call(AllocatedRequest(offset)).end, out_of_range);
    EXPECT_THAT(Call(DeltaRequest(base_, target_, offset)).end, out_of_range);
  }
  EXPECT_EQ(storage_.block_pages_asked, 0);
}

TEST_F(SnapshotMetadataHandlerTest, NegativeMaxResultsIsInvalid) {
  for (const int32_t max : {-1, std::numeric_limits<int32_t>::min()}) {
    const auto invalid = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("max_results"));
    EXPECT_THAT(Call(AllocatedRequest(0, max)).end, invalid);
    EXPECT_THAT(Call(DeltaRequest(base_, target_, 0, max)).end, invalid);
  }
}

TEST_F(SnapshotMetadataHandlerTest, IdsAreRequiredAndMustExist) {
  const auto required = [](const char* field) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field));
  };
  target_ = "";
  EXPECT_THAT(Call(AllocatedRequest()).end, required("snapshot_id"));
  EXPECT_THAT(Call(DeltaRequest("", base_)).end, required("base_snapshot_id"));
  EXPECT_THAT(Call(DeltaRequest(base_, "")).end, required("target_snapshot_id"));
  for (const std::string& unknown : {UnknownId(), std::string("x"), std::string("../x")}) {
    target_ = unknown;
    EXPECT_THAT(Call(AllocatedRequest()).end, StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(Call(DeltaRequest(unknown, base_)).end, StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(Call(DeltaRequest(base_, unknown)).end, StatusIs(absl::StatusCode::kNotFound));
  }
  EXPECT_EQ(storage_.block_pages_asked, 0);
}

TEST_F(SnapshotMetadataHandlerTest, PairMustBeOfOneVolumeAndInOrder) {
  const std::string stranger = MakeSnapshot("stranger", "another volume");
  const auto invalid = [](const char* why) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why));
  };
  EXPECT_THAT(Call(DeltaRequest(base_, stranger)).end, invalid("another volume"));
  EXPECT_THAT(Call(DeltaRequest(target_, base_)).end, invalid("name the older as base"));
  EXPECT_THAT(Call(DeltaRequest(base_, base_)).end, invalid("name two snapshots"));
  EXPECT_EQ(storage_.block_pages_asked, 0);
}

TEST_F(SnapshotMetadataHandlerTest, WhatTheStorageRefusesIsRefused) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kNotFound, absl::StatusCode::kFailedPrecondition,
        absl::StatusCode::kUnavailable, absl::StatusCode::kInternal}) {
    storage_.answer = absl::Status(code, "why");
    EXPECT_THAT(Call(AllocatedRequest()).end, StatusIs(code, "why"));
    EXPECT_THAT(Call(DeltaRequest(base_, target_)).end, StatusIs(code, "why"));
  }
}

TEST_F(SnapshotMetadataHandlerTest, SnapshotDeletedMeanwhileIsNoCleanEnd) {
  storage_.blocks_per_page = 4;
  auto source = metadata_.GetMetadataAllocated({}, AllocatedRequest());
  ASSERT_OK(source);
  (*source)->Next([](const auto& message) { EXPECT_TRUE(message.ok() && message->has_value()); });
  storage_.answer = absl::NotFoundError("it was deleted");
  const Told rest = ReadAll(std::move(source));
  EXPECT_THAT(rest.end, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(rest.ranges, IsEmpty());
}

TEST_F(SnapshotMetadataHandlerTest, WhoeverWaitsNoLongerIsSeenByTheStorage) {
  const SnapshotMetadataHandler::Context abandoned = {[] { return true; }};
  EXPECT_THAT(ReadAll(metadata_.GetMetadataAllocated(abandoned, AllocatedRequest())).end,
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace nodevol::controller
