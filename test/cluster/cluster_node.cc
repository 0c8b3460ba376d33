// SPDX-License-Identifier: Apache-2.0
#include "test/cluster/cluster_node.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/errno_status.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "host/file.h"
#include "test/support/pool_leftovers.h"

namespace nodevol::testing {
namespace {

constexpr char kHosts[] = "/etc/hosts";

absl::StatusOr<TestFilesystem> MakeDisk(const Namespaces& inside, int64_t bytes) {
  std::optional<TestFilesystem> disk;
  RETURN_IF_ERROR(inside.Run([&]() -> absl::Status {
    ASSIGN_OR_RETURN(TestFilesystem made,
                     TestFilesystem::Create({.type = host::FilesystemType::kXfs, .bytes = bytes}));
    disk.emplace(std::move(made));
    return absl::OkStatus();
  }));
  return *std::move(disk);
}

DriverProcess::Options DriverOptions(const ClusterNode::Options& options,
                                     const TestFilesystem& disk) {
  const std::string prefix = absl::StrCat(options.directory, "/", options.name);
  DriverProcess::Options driver = {.pools = {absl::StrCat("main=", disk.path())},
                                   .socket_path = prefix + ".sock",
                                   .log_path = prefix + ".log",
                                   .more_flags = options.flags,
                                   // A name in /etc/hosts may have several addresses.
                                   .environment = {"RESOLV_MULTI=on"}};
  driver.more_flags.push_back(absl::StrCat("--node-id=", options.name));
  driver.more_flags.emplace_back("--create-pools");
  return driver;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClusterNode>> ClusterNode::Create(const Options& options) {
  ASSIGN_OR_RETURN(Namespaces inside, Namespaces::Create(Namespaces::Mounts::kOwn));
  ASSIGN_OR_RETURN(TestFilesystem disk, MakeDisk(inside, options.pool_bytes));
  Member member(options.name, std::move(inside), DriverOptions(options, disk));
  return std::unique_ptr<ClusterNode>(
      new ClusterNode(options.directory, std::move(member), std::move(disk)));
}

ClusterNode::ClusterNode(std::string directory, Member member, TestFilesystem disk)
    : directory_(std::move(directory)), member_(std::move(member)), disk_(std::move(disk)) {}

ClusterNode::~ClusterNode() {
  member_.Kill().IgnoreError();
  const absl::Status unmounted = inside().Run([this] {
    disk_.reset();
    return absl::OkStatus();
  });
  unmounted.IgnoreError();  // then it goes with the namespace
}

absl::Status ClusterNode::SetHosts(const std::string& content) {
  ASSIGN_OR_RETURN(const UniqueFd directory, host::OpenPath(directory_, O_RDONLY | O_DIRECTORY));
  const std::string file = absl::StrCat(name(), ".hosts");
  RETURN_IF_ERROR(host::WriteNewFile(directory.get(), file, content, 0644));
  const std::string path = absl::StrCat(directory_, "/", file);
  return inside().Run([&path]() -> absl::Status {
    if (::mount(path.c_str(), kHosts, nullptr, MS_BIND, nullptr) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("mount ", path, " on ", kHosts));
  });
}

absl::Status ClusterNode::CheckEmpty() const {
  return Annotate(inside().Run([this] { return CheckPoolEmpty(*disk_); }), name());
}

}  // namespace nodevol::testing
