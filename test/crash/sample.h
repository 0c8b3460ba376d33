// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CRASH_SAMPLE_H_
#define NODEVOL_TEST_CRASH_SAMPLE_H_

#include <cstdlib>

#include "absl/random/random.h"
#include "absl/strings/numbers.h"

namespace nodevol::testing {

// Which points of an operation a run takes: all; or, with NODEVOL_CRASH_EVERY=N in the environment,
// each N-th, beginning at a random one, so that other runs take others.
class Sample {
 public:
  // Each (N * rarer)-th.
  explicit Sample(int rarer = 1) {
    const char* const text = std::getenv("NODEVOL_CRASH_EVERY");
    int every = 1;
    if (text != nullptr && absl::SimpleAtoi(text, &every) && every > 1) every_ = every * rarer;
  }

  [[nodiscard]] bool IsAll() const { return every_ == 1; }
  [[nodiscard]] int every() const { return every_; }
  // The number of the first point; they are counted from 1.
  int First() { return 1 + absl::Uniform(random_, 0, every_); }

 private:
  int every_ = 1;
  absl::BitGen random_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CRASH_SAMPLE_H_
