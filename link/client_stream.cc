// SPDX-License-Identifier: Apache-2.0
#include "link/client_stream.h"

#include "rpc/status.h"

namespace nodevol::link {

void ClientStream::Start() {
  Begin();
  stub_->async()->Connect(&context_, this);
  // Writes are begun outside of gRPC's calls: it must not end before End() says so.
  AddHold();
  ReadFirst();
  // There is something to send at once, and now something to send it with.
  node_session_->Attach(std::static_pointer_cast<ClientStream>(shared_from_this()));
  StartCall();
}

void ClientStream::End(const absl::Status&, Ender ender) {
  // When the peer has ended it, gRPC is about to tell how.
  if (ender == Ender::kUs) context_.TryCancel();
  RemoveHold();
}

void ClientStream::OnDone(const grpc::Status& status) {
  // Whoever holds the stream lets go of it, and of its channel, when it has ended. That must not be
  // this thread, which is gRPC's: with the last channel it would wait for its own end.
  const std::shared_ptr<Outcome> outcome = outcome_;
  absl::Status why = rpc::FromGrpcStatus(status);
  // What we have ended ends as cancelled.
  if (why.ok() || absl::IsCancelled(why)) why = this->why();
  Finished(why);
  absl::MutexLock lock(&outcome->mutex);
  outcome->why = why;
}

absl::Status ClientStream::ended() const {
  absl::MutexLock lock(&outcome_->mutex);
  return outcome_->why;
}

void ClientStream::AwaitEnd() const {
  absl::MutexLock lock(&outcome_->mutex);
  outcome_->mutex.Await(
      absl::Condition(+[](absl::Status* why) { return !why->ok(); }, &outcome_->why));
}

}  // namespace nodevol::link
