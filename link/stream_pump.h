// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_STREAM_PUMP_H_
#define NODEVOL_LINK_STREAM_PUMP_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

#include "link/stream.h"

namespace nodevol::link {

// What gRPC's two kinds of stream have in common: takes messages from a session and writes them one
// by one, ends when told to, and never writes after that. Reactor is grpc::ServerBidiReactor or
// grpc::ClientBidiReactor; a subclass says how a stream of its kind ends.
template <typename Reactor, typename Incoming, typename Outgoing>
class StreamPump : public Reactor,
                   public Stream,
                   public std::enable_shared_from_this<StreamPump<Reactor, Incoming, Outgoing>> {
 public:
  using Session = StreamUser<Incoming, Outgoing>;

  explicit StreamPump(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  // Without a session until Adopt().
  StreamPump() = default;

  void Wake() override {
    {
      absl::MutexLock lock(&mutex_);
      wanted_ = true;
      if (writing_ || closed_) return;
      writing_ = true;
    }
    Write();
  }

  void Close(const absl::Status& why) override { Close(why, Ender::kUs); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Close(absl::UnavailableError("the other side has ended the stream, or cannot be reached"),
            Ender::kPeer);
      return;
    }
    session_->OnMessage(std::move(in_));
    in_ = Incoming();
    if (!closed()) this->StartRead(&in_);
  }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      sending_ = false;
    }
    if (!ok) Close(absl::UnavailableError("the other side cannot be reached"), Ender::kPeer);
    Write();
  }

 protected:
  // From now on gRPC owns the stream, until OnDone.
  void Begin() { self_ = this->shared_from_this(); }
  void Finished(const absl::Status& why) {
    if (session_ != nullptr) session_->OnClosed(why);
    self_.reset();
  }
  // Gives the stream its session. False when it has been closed before; otherwise, whoever closes
  // it now, it does not end until Release(): gRPC may be called in between.
  bool Adopt(std::shared_ptr<Session> session) {
    absl::MutexLock lock(&mutex_);
    if (closed_) return false;
    session_ = std::move(session);
    writing_ = true;
    return true;
  }
  // Sends what there is to send, or ends the stream if it has been closed meanwhile.
  void Release() { Write(); }
  [[nodiscard]] absl::Status why() const {
    absl::MutexLock lock(&mutex_);
    return why_;
  }
  void ReadFirst() { this->StartRead(&in_); }

  enum class Ender { kUs, kPeer };
  // Called once, when nothing is being written and nothing will be.
  virtual void End(const absl::Status& why, Ender ender) = 0;
  // Makes a write that is under way end soon. Not after End().
  virtual void Interrupt() = 0;
  // Whether a write may go on for ever when the peer sends no more: one that ends its side of the
  // stream and reads nothing would keep it.
  [[nodiscard]] virtual bool WriteMayOutlastPeer() const { return true; }

 private:
  void Close(const absl::Status& why, Ender ender) {
    // End() on another thread may be the end of this.
    const std::shared_ptr<StreamPump> keep = this->shared_from_this();
    const bool may_outlast = ender == Ender::kUs || WriteMayOutlastPeer();
    bool interrupt = false;
    {
      absl::MutexLock lock(&mutex_);
      if (closed_) return;
      closed_ = true;
      why_ = why;
      ender_ = ender;
      // The peer may never read what is being written. Interrupted, it does not hear why either:
      // nothing else is.
      interrupt = sending_ && may_outlast;
      interrupting_ = interrupt;
      if (writing_ && !interrupt) return;  // whoever writes ends the stream
    }
    if (interrupt) {
      Interrupt();
      absl::MutexLock lock(&mutex_);
      interrupting_ = false;
      if (writing_) return;
    }
    End(why, ender);
  }

  [[nodiscard]] bool closed() const {
    absl::MutexLock lock(&mutex_);
    return closed_;
  }

  // By whoever has set writing_.
  void Write() {
    while (true) {
      absl::Status why;
      Ender ender = Ender::kUs;
      {
        absl::MutexLock lock(&mutex_);
        wanted_ = false;
        if (closed_) writing_ = false;
        if (closed_ && interrupting_) return;  // whoever interrupts ends the stream
        why = why_;
        ender = ender_;
      }
      if (!why.ok()) {
        End(why, ender);
        return;
      }
      std::optional<Outgoing> next = session_->TakeNext();
      {
        absl::MutexLock lock(&mutex_);
        if (closed_) continue;
        sending_ = next.has_value();
        if (!sending_) {
          if (wanted_) continue;
          writing_ = false;
          return;
        }
      }
      out_ = *std::move(next);
      // Without the lock: gRPC may call back from within.
      this->StartWrite(&out_);
      return;
    }
  }

  std::shared_ptr<Session> session_;  // set before anything is read or written, and never again
  std::shared_ptr<StreamPump> self_;
  Incoming in_;   // being read
  Outgoing out_;  // being written

  mutable absl::Mutex mutex_;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  // Somebody looks for what there is to write, or gRPC writes it.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // gRPC does.
  bool sending_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool interrupting_ ABSL_GUARDED_BY(mutex_) = false;
  // Once closed: never OK.
  absl::Status why_ ABSL_GUARDED_BY(mutex_);
  Ender ender_ ABSL_GUARDED_BY(mutex_) = Ender::kUs;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_STREAM_PUMP_H_
