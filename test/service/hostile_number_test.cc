// SPDX-License-Identifier: Apache-2.0
//
// Numbers that no client should send, page tokens of other lists, and what is no message at all.
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/bytes.h"
#include "test/client/ground.h"
#include "test/service/hostile_answers.h"
#include "test/service/hostile_fixture.h"
#include "test/support/matchers.h"

namespace nodevol::testing {
namespace {

using absl::StatusCode;
using google::protobuf::Message;
using ::testing::HasSubstr;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

class HostileNumberTest : public HostileFixture {
 protected:
  static std::vector<int64_t> NumbersFor(const NumberField& field) {
    if (field.IsEnum()) return {99, -1, std::numeric_limits<int32_t>::min()};
    if (field.field().cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_INT32) {
      return {-1, std::numeric_limits<int32_t>::min()};
    }
    return {-1, std::numeric_limits<int64_t>::min()};
  }

  // The name of the field, in words where the message has words.
  static std::string NameOf(const NumberField& field) {
    if (field.IsEnum()) return "access mode";
    return field.field().name();
  }

  // A harmless request with this range.
  template <typename Request>
  absl::Status SendWithRange(int64_t required, int64_t limit) {
    for (const NumberField& field : AllNumberFields()) {
      if (&field.request() != Request::descriptor()) continue;
      const std::unique_ptr<Message> message = HarmlessFor(field);
      auto& range = *static_cast<Request&>(*message).mutable_capacity_range();
      range.set_required_bytes(required);
      range.set_limit_bytes(limit);
      return Send(*message);
    }
    return absl::InternalError("not a request with a range");
  }

  absl::StatusOr<int> ListVolumes(const std::string& token, int32_t max_entries) {
    csi::v1::ListVolumesRequest request;
    request.set_starting_token(token);
    request.set_max_entries(max_entries);
    const auto listed = client().csi().Call(&CsiClient::Controller::ListVolumes, request);
    if (!listed.ok()) return listed.status();
    return listed->entries_size();
  }
};

TEST_F(HostileNumberTest, NegativeAndUnknownOnesGetTheAnswerOfTheirField) {
  for (const NumberField& field : AllNumberFields()) {
    SCOPED_TRACE(field.Name());
    const std::optional<StatusCode> code = AnswerTo(field);
    EXPECT_TRUE(code.has_value() || !IsServed(field))
        << "a new field: say what it answers in hostile_answers.cc";
    for (const int64_t number : NumbersFor(field)) {
      SCOPED_TRACE(number);
      const std::unique_ptr<Message> request = HarmlessFor(field);
      field.Put(*request, number);
      const absl::Status answered = Send(*request);
      EXPECT_THAT(answered, StatusIs(IsServed(field) ? *code : StatusCode::kUnimplemented));
      if (absl::IsInvalidArgument(answered)) {
        EXPECT_THAT(std::string(answered.message()), HasSubstr(NameOf(field)));
      }
    }
  }
}

TEST_F(HostileNumberTest, LimitBelowWhatIsRequiredIsOutOfRange) {
  const auto out_of_range = StatusIs(StatusCode::kOutOfRange, HasSubstr("limit_bytes"));
  EXPECT_THAT(SendWithRange<csi::v1::CreateVolumeRequest>(64 * kMiB, 32 * kMiB), out_of_range);
  EXPECT_THAT(SendWithRange<csi::v1::ControllerExpandVolumeRequest>(64 * kMiB, 32 * kMiB),
              out_of_range);
  EXPECT_THAT(SendWithRange<csi::v1::NodeExpandVolumeRequest>(64 * kMiB, 32 * kMiB),
              StatusIs(StatusCode::kOutOfRange));
}

TEST_F(HostileNumberTest, EnormousSizesAreRefused) {
  for (const int64_t size : {kMost, kMost - 1, kMost / 2, int64_t{1} << 50}) {
    SCOPED_TRACE(size);
    // Those that no disk could hold, and those that this one can't.
    const StatusCode full =
        size >= kMost - 1 ? StatusCode::kOutOfRange : StatusCode::kResourceExhausted;
    EXPECT_THAT(SendWithRange<csi::v1::CreateVolumeRequest>(size, 0), StatusIs(full));
    EXPECT_THAT(SendWithRange<csi::v1::ControllerExpandVolumeRequest>(size, 0),
                StatusIs(StatusCode::kOutOfRange));
    EXPECT_THAT(SendWithRange<csi::v1::NodeExpandVolumeRequest>(size, 0),
                StatusIs(StatusCode::kOutOfRange));
  }
}

TEST_F(HostileNumberTest, SizeOfOneByteIsRoundedUpAndALimitOfOneIsOutOfRange) {
  EXPECT_OK(SendWithRange<csi::v1::CreateVolumeRequest>(1, 0));
  EXPECT_THAT(SendWithRange<csi::v1::CreateVolumeRequest>(0, 1), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(SendWithRange<csi::v1::ControllerExpandVolumeRequest>(0, 1),
              StatusIs(StatusCode::kOutOfRange));
}

TEST_F(HostileNumberTest, ListsTakeAnyNumberOfEntriesAndOnlyTheirOwnTokens) {
  EXPECT_THAT(ListVolumes("", std::numeric_limits<int32_t>::max()), IsOkAndHolds(1));
  // Of an object that is gone by now.
  EXPECT_OK(ListVolumes(absl::StrCat("volumes-after.", AbsentId()), 1));
  EXPECT_THAT(ListVolumes(absl::StrCat("snapshots-after.", AbsentId()), 1),
              StatusIs(StatusCode::kAborted, HasSubstr("starting_token")));
  for (const char* const token :
       {"volumes-after.", "volumes-after.../x", "1", "-1", "18446744073"}) {
    EXPECT_THAT(ListVolumes(token, 1), StatusIs(StatusCode::kAborted)) << token;
  }
}

TEST_F(HostileNumberTest, WhatIsNoMessageIsRefused) {
  for (const TextField& field : AllTextFields()) {
    if (!IsServed(field)) continue;
    SCOPED_TRACE(field.request().name());
    for (const std::string& bytes : {std::string(64, '\xff'), std::string("\x0a\x7fx")}) {
      EXPECT_THAT(SendBytes(field.request(), bytes), StatusIs(StatusCode::kInvalidArgument));
    }
  }
}

TEST_F(HostileNumberTest, EnormousMessageIsRefused) {
  csi::v1::CreateVolumeRequest request;
  request.set_name(std::string(size_t{17} << 20, 'x'));
  // gRPC's own code for it, before any handler.
  EXPECT_THAT(Send(request), StatusIs(StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace nodevol::testing
