// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_LINK_LINK_SERVICE_H_
#define NODEVOL_LINK_LINK_SERVICE_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/time/time.h"

#include "link/authenticator.h"
#include "link/controller_session.h"
#include "proto/link.grpc.pb.h"

namespace nodevol::link {

// nodevol.link.v1.Link: the controller's end of the nodes' streams. Nothing of a stream is read
// before it is known who has opened it.
class LinkService final : public v1::Link::CallbackService {
 public:
  // As LinkServer::Options has them.
  struct Options {
    std::string controller;
    absl::Duration stream_age;
    size_t max_unknown = 0;
    absl::Duration longest_unknown;
  };
  // Both references must outlive the service; the authenticator may answer when it has gone.
  LinkService(Options options, Authenticator& authenticator, NodeDirectory& directory);
  ~LinkService() override;
  LinkService(const LinkService&) = delete;
  LinkService& operator=(const LinkService&) = delete;

  grpc::ServerBidiReactor<v1::NodeMessage, v1::ControllerMessage>* Connect(
      grpc::CallbackServerContext* context) override;

  // No streams are begun any more, on whatever connection. Those that are open go on.
  void Retire() { retired_ = true; }

  // Tells nodes of operations that nobody waits for any more, and ends streams that have lived
  // their time: a certificate or a token is looked at only when a stream begins. To be called
  // often.
  void Tend();

 private:
  class Streams;

  Authenticator& authenticator_;
  std::atomic<bool> retired_ = false;
  const std::shared_ptr<Streams> streams_;
};

}  // namespace nodevol::link

#endif  // NODEVOL_LINK_LINK_SERVICE_H_
