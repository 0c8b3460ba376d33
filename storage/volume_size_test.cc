// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/volume_spec.h"
#include "test/support/matchers.h"

namespace nodevol::storage {
namespace {

using nodevol::testing::IsOkAndHolds;
using nodevol::testing::StatusIs;
using ::testing::HasSubstr;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kLargest = kMax / kSizeUnit * kSizeUnit;
constexpr int64_t kMinimum = 16 * kMiB;

struct SizeCase {
  int64_t required;
  int64_t limit;
  int64_t minimum;
  int64_t source;
  int64_t expected;
};

absl::StatusOr<int64_t> Choose(const SizeCase& c) {
  v1::CapacityRange range;
  range.set_required_bytes(c.required);
  range.set_limit_bytes(c.limit);
  return ChooseSize(range, c.minimum, c.source);
}

std::string Show(const SizeCase& c) {
  return ::testing::PrintToString(std::vector<int64_t>{c.required, c.limit, c.minimum, c.source});
}

TEST(VolumeSizeTest, SmallestSizeThatServesIsChosen) {
  for (const SizeCase& c : std::vector<SizeCase>{
           // Nothing asked for: 1 GiB, or what the limit allows.
           {0, 0, kMinimum, 0, kGiB},
           {0, 2 * kGiB, kMinimum, 0, kGiB},
           {0, 512 * kMiB, kMinimum, 0, 512 * kMiB},
           {0, 512 * kMiB + 1, kMinimum, 0, 512 * kMiB},
           {0, 0, 2 * kGiB, 0, 2 * kGiB},
           // Exactly what is asked for, in steps of kSizeUnit.
           {kGiB, 0, kMinimum, 0, kGiB},
           {kGiB, kGiB, kMinimum, 0, kGiB},
           {kGiB + 1, 0, kMinimum, 0, kGiB + kSizeUnit},
           {kGiB - 1, 0, kMinimum, 0, kGiB},
           {kGiB - 1, kGiB, kMinimum, 0, kGiB},
           // At least the minimum.
           {1, 0, kMinimum, 0, kMinimum},
           {1, kMinimum, kMinimum, 0, kMinimum},
           {kMinimum - 1, 0, kMinimum, 0, kMinimum},
           {1, 0, kSizeUnit + 1, 0, 2 * kSizeUnit},
           // At least the source, and as large as it when nothing is asked for.
           {0, 0, kMinimum, 3 * kGiB, 3 * kGiB},
           {0, 3 * kGiB, kMinimum, 3 * kGiB, 3 * kGiB},
           {4 * kGiB, 0, kMinimum, 3 * kGiB, 4 * kGiB},
           {3 * kGiB, 3 * kGiB, kMinimum, 3 * kGiB, 3 * kGiB},
           // The largest that can be said.
           {kLargest, 0, kMinimum, 0, kLargest},
           {kLargest, kMax, kMinimum, 0, kLargest},
           {0, kMax, kMinimum, 0, kGiB},
       }) {
    EXPECT_THAT(Choose(c), IsOkAndHolds(c.expected)) << Show(c);
  }
}

TEST(VolumeSizeTest, NoSizeThatServesIsOutOfRange) {
  for (const SizeCase& c : std::vector<SizeCase>{
           {2 * kGiB, kGiB, kMinimum, 0, 0},      // more than the limit
           {kGiB + 1, kGiB + 2, kMinimum, 0, 0},  // no step between the two
           {0, kMinimum - 1, kMinimum, 0, 0},     // the limit is below the minimum
           {0, 1, kMinimum, 0, 0},                //
           {0, 1, 1, 0, 0},                       //
           {kGiB, 0, kMinimum, 2 * kGiB, 0},      // smaller than the source
           {0, kGiB, kMinimum, 2 * kGiB, 0},      //
           {kLargest + 1, 0, kMinimum, 0, 0},     // rounding up would overflow
           {kMax, 0, kMinimum, 0, 0},             //
           {kMax, kMax, kMinimum, 0, 0},          //
           {0, 0, kMinimum, kMax, 0},             //
       }) {
    EXPECT_THAT(Choose(c), StatusIs(absl::StatusCode::kOutOfRange)) << Show(c);
  }
}

TEST(VolumeSizeTest, NegativeSizesAreInvalid) {
  for (const SizeCase& c :
       std::vector<SizeCase>{{-1, 0, kMinimum, 0, 0},
                             {0, -1, kMinimum, 0, 0},
                             {kGiB, -1, kMinimum, 0, 0},
                             {std::numeric_limits<int64_t>::min(), 0, 0, 0, 0},
                             {0, std::numeric_limits<int64_t>::min(), 0, 0, 0}}) {
    EXPECT_THAT(Choose(c), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("negative")))
        << Show(c);
  }
}

TEST(VolumeSizeTest, RefusalSaysWhatWasAsked) {
  EXPECT_THAT(Choose({kGiB, 0, kMinimum, 2 * kGiB, 0}),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("2 GiB (2147483648 bytes)")));
}

}  // namespace
}  // namespace nodevol::storage
