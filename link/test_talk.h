// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_TEST_TALK_H_
#define NODEVOL_LINK_TEST_TALK_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"

#include "link/controller_session.h"
#include "link/node_session.h"
#include "link/numbering.h"
#include "link/stream.h"
#include "proto/link.pb.h"

namespace nodevol::link {

// For tests: one end of a stream; the test is the stream and its other end, and may say what it
// likes. All happens at once, on the test's thread.
template <typename Session, typename Incoming, typename Outgoing>
class TestTalk {
 public:
  explicit TestTalk(std::shared_ptr<Session> session) : session_(std::move(session)) {
    session_->Attach(line_);
  }
  ~TestTalk() { End(absl::UnavailableError("the test has cut the stream")); }
  TestTalk(const TestTalk&) = delete;
  TestTalk& operator=(const TestTalk&) = delete;

  Session& session() { return *session_; }

  // What Say() says is of this session from now on.
  void SetSession(std::string session) { numbering_.SetSession(std::move(session)); }
  // Says it with the number that is due. Once the stream is closed nothing arrives.
  void Say(Incoming message) {
    numbering_.Stamp(message);
    SayAsIs(std::move(message));
  }
  void SayAsIs(Incoming message) {
    if (closed().ok()) session_->OnMessage(std::move(message));
  }
  // What the session has to say next; nothing when that is all, or the stream is closed.
  std::optional<Outgoing> Hear() { return closed().ok() ? session_->TakeNext() : std::nullopt; }

  // Why the stream was closed, by the session or the test; OK while it is open.
  [[nodiscard]] const absl::Status& closed() const { return line_->closed; }
  // Closes it if it is open; the session hears of the end, once.
  void End(const absl::Status& why) {
    line_->Close(why);
    if (!std::exchange(ended_, true)) session_->OnClosed(closed());
  }

 private:
  struct Line final : public Stream {
    void Wake() override {}
    void Close(const absl::Status& why) override {
      if (closed.ok()) closed = why;
    }
    absl::Status closed;
  };

  const std::shared_ptr<Line> line_ = std::make_shared<Line>();
  const std::shared_ptr<Session> session_;
  Numbering numbering_;
  bool ended_ = false;
};

// The test is a node, and a controller.
using TalkAsNode = TestTalk<ControllerSession, v1::NodeMessage, v1::ControllerMessage>;
using TalkAsController = TestTalk<NodeSession, v1::ControllerMessage, v1::NodeMessage>;

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_TEST_TALK_H_
