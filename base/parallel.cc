// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <system_error>
#include <thread>

#include "base/callback.h"

namespace nodevol {

std::vector<absl::Status> InParallel(size_t count, absl::FunctionRef<absl::Status(size_t)> f) {
  std::vector<absl::Status> results(count);
  const auto call = [&](size_t i) { results[i] = Guarded([&] { return f(i); }); };
  std::vector<std::thread> threads;
  threads.reserve(count);
  size_t i = 1;
  try {
    for (; i < count; ++i) threads.emplace_back(call, i);
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch)
    // No more threads are to be had: the rest is done one by one.
  }
  if (count > 0) call(0);
  for (; i < count; ++i) call(i);
  for (std::thread& thread : threads) thread.join();
  return results;
}

absl::Status FirstError(const std::vector<absl::Status>& all) {
  for (const absl::Status& status : all) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace nodevol
