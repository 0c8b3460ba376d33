// SPDX-License-Identifier: Apache-2.0
#include "test/scale/channels.h"

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

#include "csi/csi.grpc.pb.h"
#include "link/authenticator.h"
#include "link/limits.h"
#include "test/scale/requests.h"

namespace nodevol::testing {
namespace {

constexpr std::chrono::milliseconds kPoll(50);

// The internet sockets of this process: gRPC dials IPv4 by those of IPv6 too.
std::set<int> Sockets() {
  std::set<int> sockets;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    int descriptor = -1;
    int domain = -1;
    socklen_t length = sizeof(domain);
    if (absl::SimpleAtoi(entry.path().filename().string(), &descriptor) &&
        ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
        (domain == AF_INET || domain == AF_INET6)) {
      sockets.insert(descriptor);
    }
  }
  return sockets;
}

}  // namespace

// How many channels there are.
class Channels::Tally {
 public:
  void Add() {
    absl::MutexLock lock(&mutex_);
    ++count_;
  }
  void Remove() {
    absl::MutexLock lock(&mutex_);
    --count_;
  }
  void AwaitNone() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(+[](int* count) { return *count == 0; }, &count_));
  }

 private:
  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

Channels::Channels()
    : sockets_before_(Sockets()),
      alive_(std::make_shared<Tally>()),
      last_(grpc::CreateChannel("unix:///nonexistent", grpc::InsecureChannelCredentials())) {
  Poll(std::chrono::milliseconds(0));
}

void Channels::Poll(std::chrono::milliseconds duration) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + duration);
  const csi::v1::ProbeRequest request;
  csi::v1::ProbeResponse response;
  absl::Notification ended;
  const std::unique_ptr<csi::v1::Identity::Stub> identity = csi::v1::Identity::NewStub(last_);
  identity->async()->Probe(&context, &request, &response,
                           [&ended](const grpc::Status&) { ended.Notify(); });
  ended.WaitForNotification();
}

Channels::~Channels() {
  alive_->AwaitNone();
  // What was being connected when its channel went is closed by whoever polls, and without a
  // channel nobody does.
  constexpr int kPolls = 100;
  std::set<int> left = Sockets();
  for (int i = 0; i < kPolls && left.size() > sockets_before_.size(); ++i) {
    Poll(kPoll);
    left = Sockets();
  }
  // And gRPC 1.51 forgets a connection whose channel goes in the moment in which it has been made.
  for (const int socket : left) {
    if (!sockets_before_.contains(socket)) ::close(socket);
  }
}

std::shared_ptr<grpc::Channel> Channels::Make(const std::string& address,
                                              const link::KeyPair& pair) {
  grpc::ChannelArguments arguments = link::ChannelLimits();
  arguments.SetSslTargetNameOverride(link::ControllerDnsName(kDriverName));
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(address, link::ChannelCredentialsOf(pair, kDriverName), arguments);
  alive_->Add();
  grpc::Channel* const made = channel.get();
  // The channel goes first; then it is none any more.
  return std::shared_ptr<grpc::Channel>(
      made, [own = std::move(channel), alive = alive_](grpc::Channel*) mutable {
        own.reset();
        alive->Remove();
      });
}

}  // namespace nodevol::testing
