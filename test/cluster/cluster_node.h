// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_CLUSTER_CLUSTER_NODE_H_
#define NODEVOL_TEST_CLUSTER_CLUSTER_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "test/cluster/member.h"
#include "test/cluster/namespaces.h"
#include "test/support/sandbox.h"

namespace nodevol::testing {

// A node: a disk with a pool, mounted where only this node sees it, and the driver on it.
class ClusterNode {
 public:
  struct Options {
    std::string name;
    int64_t pool_bytes;
    // For the socket and the log.
    std::string directory;
    // All but those of the pool and the socket.
    std::vector<std::string> flags;
  };

  static absl::StatusOr<std::unique_ptr<ClusterNode>> Create(const Options& options);
  ~ClusterNode();
  ClusterNode(const ClusterNode&) = delete;
  ClusterNode& operator=(const ClusterNode&) = delete;

  // The driver.
  [[nodiscard]] Member& member() { return member_; }
  [[nodiscard]] const Member& member() const { return member_; }
  [[nodiscard]] const std::string& name() const { return member_.name(); }
  [[nodiscard]] const Namespaces& inside() const { return member_.inside(); }
  // Where its disk is mounted, inside.
  [[nodiscard]] const std::string& pool_path() const { return disk_->path(); }

  // What /etc/hosts says on this node, and on no other. Before the driver is started.
  absl::Status SetHosts(const std::string& content);
  // CheckPoolEmpty, inside.
  [[nodiscard]] absl::Status CheckEmpty() const;

 private:
  ClusterNode(std::string directory, Member member, TestFilesystem disk);

  const std::string directory_;
  Member member_;
  std::optional<TestFilesystem> disk_;  // mounted and unmounted inside
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_CLUSTER_CLUSTER_NODE_H_
