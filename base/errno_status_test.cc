// SPDX-License-Identifier: Apache-2.0
#include "base/errno_status.h"

#include <cerrno>

#include "absl/strings/cord.h"

#include "test/support/matchers.h"

namespace nodevol {
namespace {

using nodevol::testing::ErrnoIs;
using nodevol::testing::StatusIs;

TEST(ErrnoStatusTest, SaysWhatFailedAndWhy) {
  const absl::Status status = ErrnoStatus(ENOSPC, "write the record");
  EXPECT_EQ(status.message(), "write the record: No space left on device");
  EXPECT_THAT(status, ErrnoIs(ENOSPC));
}

TEST(ErrnoStatusTest, CodesFollowTheTable) {
  EXPECT_THAT(ErrnoStatus(ENOSPC, ""), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ErrnoStatus(EDQUOT, ""), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ErrnoStatus(EBUSY, ""), StatusIs(absl::StatusCode::kFailedPrecondition));
  for (const int error : {EMFILE, ENFILE, EAGAIN, EINTR}) {
    EXPECT_THAT(ErrnoStatus(error, ""), StatusIs(absl::StatusCode::kUnavailable)) << error;
  }
}

TEST(ErrnoStatusTest, MissingAndExistingFilesAreInternal) {
  EXPECT_THAT(ErrnoStatus(ENOENT, ""), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(ErrnoStatus(EEXIST, ""), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(ErrnoStatus(EIO, ""), StatusIs(absl::StatusCode::kInternal));
}

TEST(ErrnoStatusTest, StatusWithoutErrnoHasNone) {
  EXPECT_EQ(ErrnoOf(absl::OkStatus()), 0);
  EXPECT_EQ(ErrnoOf(absl::InternalError("No space left on device")), 0);
}

TEST(ErrnoStatusTest, OutOfSpaceIsFullDiskOrQuota) {
  EXPECT_TRUE(IsOutOfSpace(ErrnoStatus(ENOSPC, "")));
  EXPECT_TRUE(IsOutOfSpace(ErrnoStatus(EDQUOT, "")));
  EXPECT_FALSE(IsOutOfSpace(ErrnoStatus(EIO, "")));
  EXPECT_FALSE(IsOutOfSpace(absl::ResourceExhaustedError("a queue is full")));
  EXPECT_FALSE(IsOutOfSpace(absl::OkStatus()));
}

TEST(AnnotateTest, PrefixesTheMessageAndKeepsCodeAndPayloads) {
  absl::Status status = ErrnoStatus(EDQUOT, "write");
  status.SetPayload("other", absl::Cord("kept"));
  const absl::Status annotated = Annotate(status, "vol-1");
  EXPECT_THAT(annotated, StatusIs(absl::StatusCode::kResourceExhausted,
                                  ::testing::StartsWith("vol-1: write: ")));
  EXPECT_THAT(annotated, ErrnoIs(EDQUOT));
  EXPECT_EQ(annotated.GetPayload("other"), absl::Cord("kept"));
}

TEST(AnnotateTest, OkStaysOk) { EXPECT_OK(Annotate(absl::OkStatus(), "vol-1")); }

}  // namespace
}  // namespace nodevol
