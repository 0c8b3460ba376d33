// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SUPPORT_AS_USER_H_
#define NODEVOL_TEST_SUPPORT_AS_USER_H_

#include <sys/fsuid.h>
#include <sys/types.h>

namespace nodevol::testing {

// Makes this thread another user for the filesystem, and one without capabilities there.
class AsUser {
 public:
  explicit AsUser(uid_t uid) {
    ::setfsgid(uid);
    ::setfsuid(uid);
  }
  ~AsUser() {
    ::setfsuid(0);
    ::setfsgid(0);
  }
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SUPPORT_AS_USER_H_
