// SPDX-License-Identifier: Apache-2.0
#include "link/link_service.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "link/stream_pump.h"
#include "rpc/status.h"

namespace nodevol::link {
namespace {

using Reactor = grpc::ServerBidiReactor<v1::NodeMessage, v1::ControllerMessage>;

class ServerStream final : public StreamPump<Reactor, v1::NodeMessage, v1::ControllerMessage> {
 public:
  explicit ServerStream(grpc::CallbackServerContext* context) : context_(context) {}

  // From now on gRPC owns it.
  void Start() { Begin(); }
  // It is known who has opened it. Nothing happens when it is closed already.
  void Serve(const std::shared_ptr<ControllerSession>& session) {
    if (!Adopt(session)) return;
    session->Attach(shared_from_this());
    ReadFirst();
    Release();
  }

  // Nothing is read from a peer of whom nothing is known: this tells that it has gone.
  void OnCancel() override { Close(absl::UnavailableError("the other side has gone")); }
  void OnDone() override { Finished(why()); }

 private:
  void End(const absl::Status& why, Ender) override { Finish(rpc::ToGrpcStatus(why)); }
  void Interrupt() override { context_->TryCancel(); }

  grpc::CallbackServerContext* const context_;
};

}  // namespace

// The streams of a service. The authenticator's answers share it, as they may come after the
// service's end; by then all streams are closed.
class LinkService::Streams {
 public:
  Streams(Options options, NodeDirectory& directory)
      : options_(std::move(options)), directory_(directory) {}

  // The stream waits until it is known who has opened it; false when too many do.
  bool Await(const std::shared_ptr<ServerStream>& stream) {
    absl::MutexLock lock(&mutex_);
    if (unknown_.size() >= options_.max_unknown) return false;
    unknown_[stream.get()] = {stream, MonotonicNow() + options_.longest_unknown};
    return true;
  }

  void Begin(const std::shared_ptr<ServerStream>& stream, const std::string& address,
             const absl::StatusOr<Peer>& peer) {
    {
      absl::MutexLock lock(&mutex_);
      unknown_.erase(stream.get());
    }
    if (!peer.ok()) {
      // Of what fails for all alike the authenticator tells, once.
      const log::Field fields[] = {{"peer", address}, {"error", peer.status().message()}};
      log::Write(absl::IsUnavailable(peer.status()) ? log::Level::kDebug : log::Level::kWarn,
                 "a node's stream is refused", std::begin(fields), std::end(fields));
      stream->Close(peer.status());
      return;
    }
    const auto session =
        std::make_shared<ControllerSession>(peer->node_name, options_.controller, directory_);
    {
      absl::MutexLock lock(&mutex_);
      open_.push_back(Open(session, *peer));
    }
    stream->Serve(session);
  }

  void Tend() {
    std::vector<std::shared_ptr<ServerStream>> unknown;
    std::vector<std::shared_ptr<ControllerSession>> sessions;
    std::vector<std::shared_ptr<ControllerSession>> old;
    const absl::Duration now = MonotonicNow();
    {
      absl::MutexLock lock(&mutex_);
      for (auto& [stream, waiting] : unknown_) {
        if (waiting.until > now) continue;
        waiting.until = absl::InfiniteDuration();  // the answer is still to come
        if (auto late = waiting.stream.lock(); late != nullptr) unknown.push_back(std::move(late));
      }
      std::erase_if(open_, [](const OpenStream& known) { return known.session.expired(); });
      for (const OpenStream& known : open_) {
        std::shared_ptr<ControllerSession> session = known.session.lock();
        if (session == nullptr) continue;
        const bool ends = known.ends_by <= now || (known.ends_at <= now && session->IsIdle());
        (ends ? old : sessions).push_back(std::move(session));
      }
    }
    for (const std::shared_ptr<ServerStream>& stream : unknown) {
      stream->Close(absl::UnavailableError("it was not found out in time who this is; try again"));
    }
    for (const std::shared_ptr<ControllerSession>& session : sessions) session->CancelAbandoned();
    for (const std::shared_ptr<ControllerSession>& session : old) {
      session->Close(absl::UnavailableError("the stream has lived its time; connect anew"));
    }
  }

 private:
  struct Waiting {
    std::weak_ptr<ServerStream> stream;
    absl::Duration until;  // on the monotonic clock
  };
  // On the monotonic clock.
  struct OpenStream {
    std::weak_ptr<ControllerSession> session;
    absl::Duration ends_at;  // as soon as nothing is under way
    absl::Duration ends_by;  // whatever is under way
  };

  [[nodiscard]] OpenStream Open(const std::shared_ptr<ControllerSession>& session,
                                const Peer& peer) const {
    // Not all at once, where all began at once.
    absl::BitGen random;
    const absl::Duration now = MonotonicNow();
    const absl::Duration valid = peer.valid_until - absl::Now();
    return {.session = session,
            .ends_at = now + std::min(options_.stream_age * absl::Uniform(random, 0.8, 0.9), valid),
            .ends_by = now + std::min(options_.stream_age, valid)};
  }

  const Options options_;
  NodeDirectory& directory_;
  absl::Mutex mutex_;
  // Those of whom the authenticator has been asked.
  std::map<const ServerStream*, Waiting> unknown_ ABSL_GUARDED_BY(mutex_);
  std::vector<OpenStream> open_ ABSL_GUARDED_BY(mutex_);
};

LinkService::LinkService(Options options, Authenticator& authenticator, NodeDirectory& directory)
    : authenticator_(authenticator),
      streams_(std::make_shared<Streams>(std::move(options), directory)) {}

LinkService::~LinkService() = default;

Reactor* LinkService::Connect(grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<ServerStream>(context);
  stream->Start();
  if (retired_) {
    stream->Close(absl::UnavailableError(
        "this connection was made with certificates that are not in use any more; connect anew"));
  } else if (streams_->Await(stream)) {
    authenticator_.Authenticate(
        EvidenceOf(*context),
        [streams = streams_, stream, address = context->peer()](const absl::StatusOr<Peer>& peer) {
          streams->Begin(stream, address, peer);
        });
  } else {
    stream->Close(absl::UnavailableError(
        "too many nodes wait for this controller to find out who they are; try again"));
  }
  return stream.get();
}

void LinkService::Tend() { streams_->Tend(); }

}  // namespace nodevol::link
