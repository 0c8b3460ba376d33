// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_USED_VOLUME_TEST_UTIL_H_
#define NODEVOL_STORAGE_USED_VOLUME_TEST_UTIL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "storage/storage_test_util.h"

namespace nodevol::storage {

// A volume in use while the object lives: mounted, or its device bound to a file, as the node
// service does. It outlives the driver, as mounts do.
class UsedVolume {
 public:
  static absl::StatusOr<UsedVolume> Stage(TestNode& node, const VolumePtr& volume);
  UsedVolume(UsedVolume&& other) noexcept
      : path_(std::exchange(other.path_, "")), block_(other.block_), loop_(other.loop_) {}
  UsedVolume& operator=(UsedVolume&&) = delete;
  ~UsedVolume();

  // The root directory, or the device.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::optional<int> loop() const { return loop_; }

  // Writes the volume's content, durably, or as a process does that is not done yet.
  [[nodiscard]] absl::Status Write(absl::string_view content) const;
  [[nodiscard]] absl::Status WriteWithoutSync(absl::string_view content) const;
  [[nodiscard]] absl::StatusOr<std::string> Read() const;
  // Writes to the file `name`, or to the device, until the kernel refuses or `most` bytes are
  // written; answers how many were. `error` is the errno then, 0 without one.
  int64_t Fill(const std::string& name, int64_t most, int& error) const;

  // Unmounts, and waits until the kernel has freed the loop device.
  absl::Status Release();

 private:
  UsedVolume(std::string path, bool block) : path_(std::move(path)), block_(block) {}

  [[nodiscard]] std::string ContentPath() const { return block_ ? path_ : path_ + "/content"; }

  [[nodiscard]] absl::StatusOr<UniqueFd> OpenForWriting() const;

  std::string path_;  // empty: released
  bool block_;
  std::optional<int> loop_;
};

// Writes and reads the content of a volume that is in use only for that.
absl::Status WriteContent(TestNode& node, const VolumePtr& volume, absl::string_view content);
absl::StatusOr<std::string> ReadContent(TestNode& node, const VolumePtr& volume);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_USED_VOLUME_TEST_UTIL_H_
