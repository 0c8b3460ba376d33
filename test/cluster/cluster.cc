// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/cluster.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "host/spawn.h"
#include "test/cluster/insist.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {
namespace {

// By which nodes call the replicas; each finds other addresses behind it.
constexpr char kControllersName[] = "controllers";
constexpr int kPort = 9443;
constexpr absl::Duration kCommandTimeout = absl::Minutes(1);
// Of calls that are answered from memory.
constexpr absl::Duration kShort = absl::Seconds(10);

std::string NodeName(size_t number) { return absl::StrCat("node-", number + 1); }
std::string ReplicaName(size_t number) { return absl::StrCat("controller-", number + 1); }

}  // namespace

std::string NodeNameOf(const csi::v1::Volume& volume) {
  if (volume.accessible_topology_size() != 1) return "";
  const auto& segments = volume.accessible_topology(0).segments();
  return segments.size() == 1 ? segments.begin()->second : "";
}

Cluster::Cluster() : directory_(NewDirectory()) {}

Cluster::~Cluster() {
  // Those that dial first: otherwise they would see all others go.
  nodes_.clear();
  for (const std::unique_ptr<Member>& replica : replicas_) replica->Kill().IgnoreError();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Create() {
  std::unique_ptr<Cluster> cluster(new Cluster());
  RETURN_IF_ERROR(cluster->MakeCertificates());
  for (size_t i = 0; i < kReplicas; ++i) RETURN_IF_ERROR(cluster->AddReplica(i));
  for (size_t i = 0; i < kNodes; ++i) RETURN_IF_ERROR(cluster->AddNode(i));
  RETURN_IF_ERROR(cluster->LayCables());
  for (Member* const member : cluster->Members()) RETURN_IF_ERROR(member->Start());
  RETURN_IF_ERROR(cluster->ReadSegments());
  RETURN_IF_ERROR(cluster->MakeWhole());
  return cluster;
}

absl::Status Cluster::MakeCertificates() const {
  const std::string pki = absl::StrCat(directory_, "/pki");
  if (::mkdir(pki.c_str(), 0700) != 0) return ErrnoStatus(errno, absl::StrCat("mkdir ", pki));
  ASSIGN_OR_RETURN(const UniqueFd null, host::OpenPath("/dev/null", O_RDWR));
  std::vector<std::vector<std::string>> commands = {{"ca", pki}, {"controller", pki}};
  for (size_t i = 0; i < kNodes; ++i) commands.push_back({"node", pki, NodeName(i)});
  for (std::vector<std::string>& words : commands) {
    words.insert(words.begin(), {DriverBinary(), "pki"});
    RETURN_IF_ERROR(host::Run(words, null.get(), kCommandTimeout));
  }
  return absl::OkStatus();
}

std::vector<std::string> Cluster::LinkFlags(const std::string& certificate) const {
  const std::string prefix = absl::StrCat(directory_, "/pki/");
  return {absl::StrCat("--link-ca=", prefix, "ca.pem"),
          absl::StrCat("--link-cert=", prefix, certificate, ".pem"),
          absl::StrCat("--link-key=", prefix, certificate, ".key")};
}

absl::Status Cluster::AddReplica(size_t number) {
  const std::string prefix = absl::StrCat(directory_, "/", ReplicaName(number));
  DriverProcess::Options options = {.pools = {},
                                    .socket_path = prefix + ".sock",
                                    .log_path = prefix + ".log",
                                    .more_flags = LinkFlags("controller")};
  options.more_flags.emplace_back("--role=controller");
  options.more_flags.push_back(absl::StrCat("--node-id=", ReplicaName(number)));
  // All addresses of its own namespace, which nothing but the cables leads to.
  options.more_flags.push_back(absl::StrCat("--link-listen=0.0.0.0:", kPort));
  ASSIGN_OR_RETURN(Namespaces inside, Namespaces::Create(Namespaces::Mounts::kOfTheTest));
  replicas_.push_back(
      std::make_unique<Member>(ReplicaName(number), std::move(inside), std::move(options)));
  return absl::OkStatus();
}

absl::Status Cluster::AddNode(size_t number) {
  ClusterNode::Options options = {.name = NodeName(number),
                                  .pool_bytes = kPoolBytes[number],
                                  .directory = directory_,
                                  .flags = LinkFlags(NodeName(number))};
  options.flags.emplace_back("--role=node");
  options.flags.push_back(absl::StrCat("--controller=", kControllersName, ":", kPort));
  ASSIGN_OR_RETURN(std::unique_ptr<ClusterNode> node, ClusterNode::Create(options));
  nodes_.push_back(std::move(node));
  return absl::OkStatus();
}

absl::Status Cluster::LayCables() {
  for (const std::unique_ptr<ClusterNode>& node : nodes_) {
    std::string hosts;
    for (const std::unique_ptr<Member>& replica : replicas_) {
      const int number = static_cast<int>(cables_.size());
      ASSIGN_OR_RETURN(Cable cable, Cable::Lay(number, replica->inside(), node->inside()));
      absl::StrAppend(&hosts, cable.AddressOf(Cable::End::kController), " ", kControllersName,
                      "\n");
      cables_.push_back(std::move(cable));
    }
    RETURN_IF_ERROR(node->SetHosts(hosts));
  }
  return absl::OkStatus();
}

absl::Status Cluster::ReadSegments() {
  for (const std::unique_ptr<ClusterNode>& node : nodes_) {
    CsiClient client(node->member().socket_path(), kShort);
    ASSIGN_OR_RETURN(const csi::v1::NodeGetInfoResponse info,
                     client.Call(&CsiClient::Node::NodeGetInfo, csi::v1::NodeGetInfoRequest()));
    segments_.push_back(info.accessible_topology());
  }
  return absl::OkStatus();
}

VolumeClient Cluster::ClientOf(size_t replica, VolumeClass volume_class,
                               absl::Duration timeout) const {
  return VolumeClient(replicas_[replica]->socket_path(), std::move(volume_class), timeout);
}

csi::v1::CreateVolumeRequest Cluster::RequestAt(const std::string& name, int64_t bytes,
                                                size_t node) const {
  csi::v1::CreateVolumeRequest request;
  request.set_name(name);
  if (bytes > 0) request.mutable_capacity_range()->set_required_bytes(bytes);
  *request.add_volume_capabilities() = BlockCapability();
  csi::v1::TopologyRequirement& requirement = *request.mutable_accessibility_requirements();
  for (size_t i = 0; i < kNodes; ++i) {
    *requirement.add_requisite() = segments_[i];
    *requirement.add_preferred() = segments_[(node + i) % kNodes];
  }
  return request;
}

absl::StatusOr<int64_t> Cluster::RoomAt(size_t replica, size_t node) const {
  VolumeClient client = ClientOf(replica, {BlockCapability(), {}}, kShort);
  csi::v1::GetCapacityRequest request;
  *request.add_volume_capabilities() = BlockCapability();
  *request.mutable_accessible_topology() = segments_[node];
  ASSIGN_OR_RETURN(const csi::v1::GetCapacityResponse response,
                   client.csi().Call(&CsiClient::Controller::GetCapacity, request));
  return response.maximum_volume_size().value();
}

std::vector<Member*> Cluster::Members() const {
  std::vector<Member*> members;
  // Who dials comes last: it need not try again.
  for (const std::unique_ptr<Member>& replica : replicas_) members.push_back(replica.get());
  for (const std::unique_ptr<ClusterNode>& node : nodes_) members.push_back(&node->member());
  return members;
}

absl::Status Cluster::CheckKnown() const {
  for (size_t replica = 0; replica < kReplicas; ++replica) {
    for (size_t node = 0; node < kNodes; ++node) {
      ASSIGN_OR_RETURN(const int64_t room, RoomAt(replica, node));
      if (room > 0) continue;
      return absl::UnavailableError(
          absl::StrCat(NodeName(node), " is not connected to ", ReplicaName(replica)));
    }
  }
  return absl::OkStatus();
}

absl::Status Cluster::MakeWhole() {
  for (Cable& cable : cables_) RETURN_IF_ERROR(cable.Mend());
  for (Member* const member : Members()) {
    RETURN_IF_ERROR(member->CheckAlive());
    RETURN_IF_ERROR(member->Start());
  }
  return Await([this] { return CheckKnown(); });
}

absl::Status Cluster::Stop() {
  absl::Status first;
  for (Member* const member : Members()) first.Update(member->Stop());
  return first;
}

std::string Cluster::LogTails() const {
  std::string tails;
  for (const Member* const member : Members()) {
    absl::StrAppend(&tails, "---- ", member->name(), " ----\n", member->LogTail(), "\n");
  }
  return tails;
}

}  // namespace nodevol::testing
