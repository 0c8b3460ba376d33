// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_UNIQUE_FD_H_
#define NODEVOL_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace nodevol {

// Owns one file descriptor and closes it. Move-only; -1 means "none".
//
// The destructor ignores close(2)'s result: whoever writes data calls fsync(2) before, which is
// where an error must be seen.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  // Gives up ownership.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace nodevol

#endif  // NODEVOL_BASE_UNIQUE_FD_H_
