// SPDX-License-Identifier: Apache-2.0
#include "link/link_client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"

#include "base/log.h"
#include "base/monotonic.h"
#include "base/status_macros.h"
#include "link/authenticator.h"
#include "link/client_stream.h"
#include "link/limits.h"
#include "link/node_credentials.h"

namespace nodevol::link {
namespace {

constexpr absl::Duration kTendInterval = absl::Milliseconds(200);
// How often pools are looked at whose free space others take.
constexpr absl::Duration kRefreshInterval = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::set<std::string>> AddressesOf(const rpc::HostPort& name) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(name.host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("the controller's name ", name.host,
                                               " has no address: ", ::gai_strerror(error)));
  }
  std::set<std::string> addresses;
  for (const addrinfo* next = found; next != nullptr; next = next->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text = {};
    if (next->ai_family == AF_INET6) {
      const auto& address = *reinterpret_cast<const sockaddr_in6*>(next->ai_addr);
      ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
      addresses.insert(absl::StrCat("ipv6:[", text.data(), "]:", name.port));
    } else if (next->ai_family == AF_INET) {
      const auto& address = *reinterpret_cast<const sockaddr_in*>(next->ai_addr);
      ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
      addresses.insert(absl::StrCat("ipv4:", text.data(), ":", name.port));
    }
  }
  ::freeaddrinfo(found);
  return addresses;
}

LinkClient::LinkClient(Options options, storage::NodeStorage& storage,
                       storage::Inventory& inventory)
    : options_(std::move(options)), storage_(storage), inventory_(inventory) {
  resolver_ = std::make_unique<PeriodicThread>("link-resolve", options_.resolve_interval,
                                               [this] { Resolve(); });
  tender_ = std::make_unique<PeriodicThread>("link-dial", kTendInterval, [this] { Tend(); });
}

LinkClient::~LinkClient() {
  resolver_.reset();
  tender_.reset();
  std::vector<std::shared_ptr<ClientStream>> open;
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [address, replica] : replicas_) {
      if (replica.stream != nullptr) open.push_back(std::move(replica.stream));
    }
  }
  for (const std::shared_ptr<ClientStream>& stream : open) {
    stream->Close(absl::CancelledError("the node's driver ends"));
  }
  // Their sessions use the board.
  for (const std::shared_ptr<ClientStream>& stream : open) stream->AwaitEnd();
}

LinkClient::Connections LinkClient::connections() const {
  Connections connections;
  absl::MutexLock lock(&mutex_);
  for (const auto& [address, replica] : replicas_) {
    // An IPv4 and an IPv6 address are of one replica, and one of them is used.
    if (replica.stream == nullptr && IsConnectedElsewhere(replica)) continue;
    ++connections.known;
    if (replica.stream != nullptr && replica.stream->ended().ok() &&
        replica.stream->session().welcomed()) {
      ++connections.welcomed;
    }
  }
  return connections;
}

void LinkClient::Resolve() {
  const absl::StatusOr<std::set<std::string>> addresses = options_.resolve(options_.controller);
  if (!addresses.ok()) {
    // Those that are known are kept: it is the name service that has failed.
    if (addresses.status() != last_resolved_) {
      log::Warn("can't look up the controller", {{"error", addresses.status().message()}});
    }
    last_resolved_ = addresses.status();
    return;
  }
  last_resolved_ = absl::OkStatus();
  absl::MutexLock lock(&mutex_);
  for (const std::string& address : *addresses) {
    if (const auto [added, is_new] = replicas_.try_emplace(address); is_new) {
      added->second.pause = options_.shortest_pause;
    }
  }
  for (auto& [address, replica] : replicas_) {
    // Its stream may be good still; it goes when that ends.
    replica.withdrawn = !addresses->contains(address);
  }
}

void LinkClient::Tend() {
  absl::MutexLock lock(&mutex_);
  for (auto& [address, replica] : replicas_) TendReplica(address, replica);
  std::erase_if(replicas_, [](const auto& entry) {
    return entry.second.withdrawn && entry.second.stream == nullptr;
  });
}

void LinkClient::TendReplica(const std::string& address, Replica& replica) {
  if (replica.stream != nullptr) {
    const absl::Status ended = replica.stream->ended();
    if (ended.ok()) {
      if (replica.stream->session().welcomed()) {
        replica.pause = options_.shortest_pause;
        replica.controller = replica.stream->session().controller();
      }
      if (MonotonicNow() >= replica.next_refresh) {
        replica.stream->session().Refresh();
        replica.next_refresh = MonotonicNow() + kRefreshInterval;
      }
      return;
    }
    // That may have been over before it was seen here.
    if (std::string controller = replica.stream->session().controller(); !controller.empty()) {
      replica.controller = std::move(controller);
    }
    replica.stream.reset();
    NoteEnd(address, ended, replica);
  }
  if (replica.withdrawn || MonotonicNow() < replica.next_attempt) return;
  if (!IsConnectedElsewhere(replica)) Dial(address, replica);
}

bool LinkClient::IsConnectedElsewhere(const Replica& replica) const {
  if (replica.controller.empty()) return false;
  return std::any_of(replicas_.begin(), replicas_.end(), [&replica](const auto& entry) {
    const Replica& other = entry.second;
    return &other != &replica && other.stream != nullptr && other.stream->ended().ok() &&
           other.stream->session().controller() == replica.controller;
  });
}

void LinkClient::NoteEnd(const std::string& address, const absl::Status& why, Replica& replica) {
  if (why != replica.last_error) {
    log::Warn("no stream to a controller; it is tried again",
              {{"controller", address}, {"error", why}});
  }
  replica.last_error = why;
  replica.next_attempt = MonotonicNow() + replica.pause * absl::Uniform(random_, 0.5, 1.0);
  replica.pause = std::min(replica.pause * 2, options_.longest_pause);
}

void LinkClient::Dial(const std::string& address, Replica& replica) {
  const absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials =
      LoadNodeCredentials({options_.trust_domain, options_.files, options_.token_file});
  if (!credentials.ok()) {
    NoteEnd(address, credentials.status(), replica);
    return;
  }
  grpc::ChannelArguments arguments = ChannelLimits();
  arguments.SetSslTargetNameOverride(ControllerDnsName(options_.trust_domain));
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(address, *credentials, arguments);
  replica.stream = std::make_shared<ClientStream>(
      channel, std::make_shared<NodeSession>(
                   NodeSession::Node{options_.identity, storage_, inventory_, board_}));
  replica.stream->Start();
}

}  // namespace nodevol::link
