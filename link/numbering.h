// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_NUMBERING_H_
#define NODEVOL_LINK_NUMBERING_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace nodevol::link {

// Numbers the messages of one direction of a stream, or checks their numbers: a message of another
// stream, one that was recorded and played again, one that was left out, all end the stream. Not
// thread-safe: messages are sent, and received, one after the other.
class Numbering {
 public:
  // Known from the Welcome on; the Hello has none.
  void SetSession(std::string session) { session_ = std::move(session); }

  template <typename Message>
  void Stamp(Message& message) {
    message.set_session(session_);
    message.set_sequence(++last_);
  }

  template <typename Message>
  absl::Status Check(const Message& message) {
    if (message.session() != session_) {
      return absl::PermissionDeniedError("the message is of another stream");
    }
    if (message.sequence() != last_ + 1) {
      return absl::PermissionDeniedError(
          absl::StrCat("message ", message.sequence(), " came where ", last_ + 1, " was to come"));
    }
    ++last_;
    return absl::OkStatus();
  }

 private:
  std::string session_;
  uint64_t last_ = 0;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_NUMBERING_H_
