// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_TEST_SERVICE_POD_H_
#define NODEVOL_TEST_SERVICE_POD_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "test/client/volume_client.h"

namespace nodevol::testing {

// A volume in use: its paths, as a CO names them, and what a pod does there.
class Pod {
 public:
  // Its paths are beneath `directory`, which exists. Nothing is called.
  Pod(std::string volume_id, const std::string& directory, const std::string& name);

  // Stages and publishes.
  absl::Status Start(VolumeClient& client) const;
  // Unpublishes and unstages.
  absl::Status Stop(VolumeClient& client) const;

  [[nodiscard]] const std::string& volume_id() const { return volume_id_; }
  [[nodiscard]] const std::string& staging() const { return staging_; }
  [[nodiscard]] const std::string& target() const { return target_; }
  // A file in the volume; the device itself when it is one.
  [[nodiscard]] std::string File(const std::string& name) const;

  // Writes durably.
  [[nodiscard]] absl::Status Write(const std::string& file, const std::string& content) const;
  [[nodiscard]] absl::StatusOr<std::string> Read(const std::string& file, size_t bytes) const;
  // Writes until the kernel refuses, syncs what was taken, and answers how much that was.
  [[nodiscard]] int64_t Fill(const std::string& file, int& error) const;

 private:
  std::string volume_id_;
  std::string staging_;
  std::string target_;
};

}  // namespace nodevol::testing

#endif  // NODEVOL_TEST_SERVICE_POD_H_
