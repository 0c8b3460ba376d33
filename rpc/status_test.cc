// SPDX-License-Identifier: Apache-2.0
#include "rpc/status.h"

#include <string>
#include <vector>

#include "test/support/matchers.h"

namespace nodevol::rpc {
namespace {

using nodevol::testing::StatusIs;

std::vector<absl::StatusCode> AllErrorCodes() {
  std::vector<absl::StatusCode> codes;
  for (int code = 1; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
    codes.push_back(static_cast<absl::StatusCode>(code));
  }
  return codes;
}

TEST(StatusTest, EveryCodeIsTheSameOnBothSides) {
  for (const absl::StatusCode code : AllErrorCodes()) {
    const grpc::Status there = ToGrpcStatus(absl::Status(code, "why"));
    EXPECT_EQ(static_cast<int>(there.error_code()), static_cast<int>(code));
    EXPECT_EQ(there.error_message(), "why");
    EXPECT_EQ(there.error_details(), "");
    EXPECT_THAT(FromGrpcStatus(there), StatusIs(code, "why"));
  }
}

TEST(StatusTest, OkIsOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_OK(FromGrpcStatus(grpc::Status::OK));
}

TEST(StatusTest, CodeThatNobodyKnowsIsUnknown) {
  const auto no_code = static_cast<absl::StatusCode>(999);
  EXPECT_EQ(ToGrpcStatus(absl::Status(no_code, "x")).error_code(), grpc::UNKNOWN);
}

TEST(StatusTest, ErrorWithoutWordsSaysItsCode) {
  for (const absl::StatusCode code : AllErrorCodes()) {
    EXPECT_EQ(ToGrpcStatus(absl::Status(code, "")).error_message(), CodeName(code));
  }
}

TEST(StatusTest, MessageHasAtMostOneKibibyte) {
  constexpr size_t kLimit = 1024;
  const auto message_of = [](const std::string& text) {
    return ToGrpcStatus(absl::InternalError(text)).error_message();
  };
  EXPECT_EQ(message_of(std::string(kLimit, 'x')), std::string(kLimit, 'x'));
  EXPECT_EQ(message_of(std::string(kLimit + 1, 'x')), std::string(kLimit, 'x'));
}

TEST(StatusTest, CutNeverLeavesHalfACharacter) {
  // A Kubernetes event with a message that is no UTF-8 can't be stored at all.
  constexpr size_t kLimit = 1024;
  for (const std::string& character : std::vector<std::string>{"\u00e9", "\u20ac", "\U0001f600"}) {
    for (size_t before = kLimit - 4; before <= kLimit; ++before) {
      const std::string text = std::string(before, 'x') + character + std::string(kLimit, 'y');
      const bool fits = before + character.size() <= kLimit;
      const std::string cut = ToGrpcStatus(absl::InternalError(text)).error_message();
      EXPECT_EQ(cut, fits ? text.substr(0, kLimit) : text.substr(0, before)) << before;
    }
  }
}

TEST(StatusTest, CodeNamesAreThoseOfTheSpec) {
  EXPECT_EQ(CodeName(absl::StatusCode::kOk), "OK");
  EXPECT_EQ(CodeName(absl::StatusCode::kResourceExhausted), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(CodeName(absl::StatusCode::kFailedPrecondition), "FAILED_PRECONDITION");
}

}  // namespace
}  // namespace nodevol::rpc
