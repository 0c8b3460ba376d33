// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_TSAN_SUPPRESSIONS_H_
#define NODEVOL_BASE_TSAN_SUPPRESSIONS_H_

// What ThreadSanitizer must not report of a program. To be included once in a program, beside main.
#ifdef __SANITIZE_THREAD__

extern "C" const char* __tsan_default_suppressions();   // NOLINT: the sanitizer's name
extern "C" const char* __tsan_default_suppressions() {  // NOLINT: the sanitizer's name
  // Abseil maps what it keeps of a thread with mmap, which counts as a write, and hands it over
  // inside Mutex, which ThreadSanitizer is told not to look into.
  return "race:absl::*::synchronization_internal::Waiter::Post\n";
}

#endif  // __SANITIZE_THREAD__

#endif  // NODEVOL_BASE_TSAN_SUPPRESSIONS_H_
