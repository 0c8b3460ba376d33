// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_NODE_NODE_WORLD_H_
#define NODEVOL_NODE_NODE_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"

#include "base/bytes.h"
#include "csi/csi.pb.h"
#include "host/filesystem.h"
#include "node/node_handler.h"
#include "storage/local_storage.h"
#include "test/support/sandbox.h"

// What the tests of this folder share: a node with a real pool, and calls that wait.
namespace nodevol::node {

using Mode = csi::v1::VolumeCapability::AccessMode;

// A kind of volume, and the filesystem of the pool that it is in.
struct Kind {
  std::string name = {};
  host::FilesystemType pool = host::FilesystemType::kXfs;
  std::string backend = "image";
  std::string fs_type = {};
  bool block = false;
  bool project_quotas = false;  // the pool's filesystem enforces them
};
std::vector<Kind> AllKinds();
std::vector<Kind> MountKinds();
std::vector<Kind> BlockKinds();
Kind DirectoryOnBtrfs();
Kind DirectoryOnXfs();
Kind DirectoryOnExt4();
Kind Ext4OnXfs();
Kind BlockOnXfs();
void PrintTo(const Kind& kind, std::ostream* out);

// Large enough for every filesystem.
inline constexpr int64_t kVolumeBytes = 320 * kMiB;

// Starts an asynchronous call, start(callback), and waits for its answer.
template <typename T>
absl::StatusOr<T> Await(absl::AnyInvocable<void(Callback<T>)> start) {
  absl::StatusOr<T> answer;
  absl::Notification answered;
  start([&](absl::StatusOr<T> given) {
    answer = std::move(given);
    answered.Notify();
  });
  answered.WaitForNotification();
  return answer;
}

class NodeWorld {
 public:
  // With one pool, "main".
  static absl::StatusOr<std::unique_ptr<NodeWorld>> Create(const Kind& kind);

  [[nodiscard]] const Kind& kind() const { return kind_; }
  [[nodiscard]] std::string PoolPath() const;
  storage::LocalStorage& storage() { return *storage_; }
  NodeHandler& handler() { return *handler_; }

  // The --static-path and --health of the next start.
  void AllowStatic(StaticPrefixes prefixes) { options_.static_prefixes = std::move(prefixes); }
  void ServeHealth() { options_.health = true; }

  // The process ends, what it mounted stays.
  void Stop();
  absl::Status Start();
  // Starts although the pool is not configured any more.
  absl::Status StartWithoutPool();
  absl::Status Restart();
  // The pool's disk ends, and nobody tells the driver. XFS and ext4 only.
  absl::Status FailDisk() { return disk_.CutPower(); }
  // The machine ends: all mounts and loop devices are gone, the files stay.
  absl::Status Reboot();

  // ---- As a controller. ----
  absl::StatusOr<std::string> CreateVolume(const std::string& name, Mode::Mode mode);
  absl::Status ControllerPublish(const std::string& id, bool read_only);
  absl::Status ControllerUnpublish(const std::string& id);
  absl::StatusOr<int64_t> ControllerExpand(const std::string& id, int64_t bytes);
  absl::Status Delete(const std::string& id);

  // ---- As kubelet. ----
  [[nodiscard]] csi::v1::VolumeCapability Capability(Mode::Mode mode) const;
  // Waits for one of the handler's methods.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(void (NodeHandler::*method)(const Request&, Callback<Response>),
                                const Request& request) {
    return Await<Response>(
        [&](Callback<Response> done) { (handler_.get()->*method)(request, std::move(done)); });
  }

 private:
  NodeWorld(Kind kind, testing::TestFilesystem disk);
  absl::Status StartWith(const std::vector<storage::PoolOptions>& pools);

  const Kind kind_;
  testing::TestFilesystem disk_;
  NodeOptions options_;
  std::unique_ptr<storage::LocalStorage> storage_;
  std::unique_ptr<NodeHandler> handler_;
};

// ---- What a pod does with its volume. ----

// Writes durably: a file in a directory, the first bytes of a device.
absl::Status WriteContent(const std::string& path, const std::string& content);
absl::StatusOr<std::string> ReadContent(const std::string& path);
bool IsMountRoot(const std::string& path);
// The size that its user sees: of the filesystem, or of the device.
absl::StatusOr<int64_t> SizeSeenAt(const std::string& path);
// The names in a directory.
std::vector<std::string> NamesIn(const std::string& path);
// Mounts a tmpfs, as somebody who knows nothing of volumes.
absl::Status MountTmpfs(const std::string& path);

}  // namespace nodevol::node

#endif  // NODEVOL_NODE_NODE_WORLD_H_
