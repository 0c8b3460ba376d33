// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_TSAN_SUPPRESSIONS_H_
#define NODEVOL_BASE_TSAN_SUPPRESSIONS_H_

// What ThreadSanitizer must not report of a program. To be included once in a program, beside main.
#ifdef __SANITIZE_THREAD__

extern "C" const char* __tsan_default_suppressions();   // NOLINT: the sanitizer's name
extern "C" const char* __tsan_default_suppressions() {  // NOLINT: the sanitizer's name
  // Abseil maps what it keeps of a thread with mmap, which counts as a write, and hands it over
  // inside Mutex, which ThreadSanitizer is told not to look into.
  //
  // Debian's OpenSSL is not compiled for ThreadSanitizer, which therefore sees what OpenSSL has the
  // C library read, write and free, and its locks and sockets, but not the atomic reference counts
  // by which one thread hands a certificate to the last that needs it. Its locks and sockets are to
  // be seen: by the latter tests hear that a server has answered.
  return "race:absl::*::synchronization_internal::Waiter::Post\n"
         "race:libcrypto.so\n"
         "race:libssl.so\n";
}

#endif  // __SANITIZE_THREAD__

#endif  // NODEVOL_BASE_TSAN_SUPPRESSIONS_H_
