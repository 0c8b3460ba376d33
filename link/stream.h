// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_STREAM_H_
#define NODEVOL_LINK_STREAM_H_

#include <optional>

#include "absl/status/status.h"

// What a session and the stream that carries its messages know of each other. The stream may be
// gRPC's, or two queues in a test.
namespace nodevol::link {

// The stream, as its session sees it. Thread-safe; both calls return at once.
class Stream {
 public:
  virtual ~Stream() = default;

  // There is something to send: the session is asked for it (TakeNext) as soon as the stream can
  // take it, on this or another thread.
  virtual void Wake() = 0;
  // Ends the stream; the peer is told why. Nothing is sent any more.
  virtual void Close(const absl::Status& why) = 0;
};

// The session, as its stream sees it.
template <typename Incoming, typename Outgoing>
class StreamUser {
 public:
  virtual ~StreamUser() = default;

  // One at a time, in their order.
  virtual void OnMessage(Incoming message) = 0;
  // The next message to send; nothing: wait for Wake(). One call at a time.
  virtual std::optional<Outgoing> TakeNext() = 0;
  // The last call.
  virtual void OnClosed(const absl::Status& why) = 0;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_STREAM_H_
