// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_CLIENT_STREAM_H_
#define NODEVOL_LINK_CLIENT_STREAM_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"

#include "link/node_session.h"
#include "link/stream_pump.h"
#include "proto/link.grpc.pb.h"

namespace nodevol::link {

// A node's stream to one controller replica, over a connection of its own.
class ClientStream final
    : public StreamPump<grpc::ClientBidiReactor<v1::NodeMessage, v1::ControllerMessage>,
                        v1::ControllerMessage, v1::NodeMessage> {
 public:
  ClientStream(std::shared_ptr<grpc::Channel> channel, std::shared_ptr<NodeSession> session)
      : StreamPump(session),
        node_session_(std::move(session)),
        channel_(std::move(channel)),
        stub_(v1::Link::NewStub(channel_)) {}

  // Begins; connecting is a part of it. To be held until it has ended, and not let go of on a
  // thread of gRPC's.
  void Start();
  [[nodiscard]] NodeSession& session() { return *node_session_; }
  // Why it has ended; OK while it has not.
  [[nodiscard]] absl::Status ended() const;
  void AwaitEnd() const;

  void OnDone(const grpc::Status& status) override;

 private:
  void End(const absl::Status& why, Ender ender) override;
  void Interrupt() override { context_.TryCancel(); }
  // What the controller has ended ends on both sides, and gRPC is about to tell how.
  [[nodiscard]] bool WriteMayOutlastPeer() const override { return false; }

  // How the stream has ended. Whoever waits for that may outlive it.
  struct Outcome {
    absl::Mutex mutex;
    absl::Status why ABSL_GUARDED_BY(mutex);
  };

  const std::shared_ptr<NodeSession> node_session_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Link::Stub> stub_;
  grpc::ClientContext context_;
  const std::shared_ptr<Outcome> outcome_ = std::make_shared<Outcome>();
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_CLIENT_STREAM_H_
