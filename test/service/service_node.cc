// SPDX-License-Identifier: Apache-2.0
#include "test/service/service_node.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "base/status_macros.h"
#include "host/file.h"
#include "host/mount_table.h"
#include "host/remove_tree.h"

namespace nodevol::testing {

absl::StatusOr<std::unique_ptr<ServiceNode>> ServiceNode::Create(Options options) {
  ASSIGN_OR_RETURN(TestFilesystem disk,
                   TestFilesystem::Create(DiskFor(options.ground, options.pool_bytes)));
  std::unique_ptr<ServiceNode> node(new ServiceNode(std::move(options), std::move(disk)));
  RETURN_IF_ERROR(node->Start());
  return node;
}

ServiceNode::ServiceNode(Options options, TestFilesystem disk)
    : options_(std::move(options)), disk_(std::move(disk)), directory_(NewDirectory()) {}

ServiceNode::~ServiceNode() {
  client_.reset();
  driver_.reset();
  UnmountAll();
  DetachOwnLoops(disk_.loop_number()).IgnoreError();
  const absl::StatusOr<UniqueFd> scratch = host::OpenPath("/mnt", O_RDONLY | O_DIRECTORY);
  if (scratch.ok()) {
    host::RemoveTree(scratch->get(), absl::string_view(directory_).substr(5)).IgnoreError();
  }
}

void ServiceNode::UnmountAll() const {
  const absl::StatusOr<std::vector<host::MountEntry>> table = host::ReadMountTable();
  if (!table.ok()) return;
  // The last mounted first.
  for (auto entry = table->rbegin(); entry != table->rend(); ++entry) {
    if (absl::StartsWith(entry->target, directory_ + "/")) {
      ::umount2(entry->target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
    }
  }
}

DriverProcess::Options ServiceNode::DriverOptions() const {
  DriverProcess::Options options = {.pools = {absl::StrCat("p=", disk_.path())},
                                    .socket_path = directory_ + "/csi.sock",
                                    .log_path = directory_ + "/log",
                                    .more_flags = {"--create-pools"}};
  options.more_flags.insert(options.more_flags.end(), options_.more_flags.begin(),
                            options_.more_flags.end());
  return options;
}

absl::Status ServiceNode::Start() {
  client_.reset();
  driver_.reset();
  ASSIGN_OR_RETURN(DriverProcess driver, DriverProcess::Start(DriverOptions()));
  driver_.emplace(std::move(driver));
  client_ = std::make_unique<VolumeClient>(driver_->socket_path(), ground().volume_class);
  return absl::OkStatus();
}

absl::Status ServiceNode::Stop() {
  client_.reset();
  if (!driver_.has_value() || driver_->pid() < 0) return absl::OkStatus();
  return driver_->Stop();
}

absl::StatusOr<std::string> ServiceNode::CreateVolume(const std::string& name) {
  ASSIGN_OR_RETURN(const csi::v1::Volume volume, client_->Create(name, ground().volume_bytes));
  return volume.volume_id();
}

}  // namespace nodevol::testing
