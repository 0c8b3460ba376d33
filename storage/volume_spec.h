// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_VOLUME_SPEC_H_
#define NODEVOL_STORAGE_VOLUME_SPEC_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "host/filesystem.h"
#include "proto/storage.pb.h"

namespace nodevol::storage {

using ParameterMap = google::protobuf::Map<std::string, std::string>;

enum class BackendChoice { kAuto, kDirectory, kImage };

// The root directory of a new filesystem volume.
struct RootDirectory {
  mode_t mode = 0770;
  uid_t uid = 0;
  gid_t gid = 0;
};

// What a CreateVolume request asks for, understood and checked as far as that goes without a pool.
struct VolumeSpec {
  bool block = false;
  std::string fs_type;  // "" when none was named
  std::string pool;     // "" for any
  BackendChoice backend = BackendChoice::kAuto;
  bool thick = false;
  std::string mkfs_options;
  bool filesystem_flags = false;  // mount flags that only a filesystem of its own has
  RootDirectory root;
  v1::VolumeAttributes attributes;

  // The filesystem in the image: the one that was named, or ext4.
  [[nodiscard]] std::string ImageFilesystem() const { return fs_type.empty() ? "ext4" : fs_type; }
  // True when only an image can be this.
  [[nodiscard]] bool NeedsImage() const {
    return block || !fs_type.empty() || thick || !mkfs_options.empty() || filesystem_flags;
  }
};

// Reads the parameters of the StorageClass and of the VolumeAttributesClass, which has the last
// word, and the capabilities. INVALID_ARGUMENT for an unknown key, a bad value, or capabilities
// that contradict each other or the parameters. Keys csi.storage.k8s.io/* are tolerated.
absl::StatusOr<VolumeSpec> ParseVolumeSpec(const ParameterMap& parameters,
                                           const std::vector<v1::VolumeCapability>& capabilities);
absl::StatusOr<VolumeSpec> ParseVolumeSpec(const v1::VolumeRequest& request);

// Makes the spec that of a copy: what it leaves open is taken from the source's content (`image`
// unless it is a directory). INVALID_ARGUMENT where the two contradict each other.
absl::Status AdoptSource(const v1::ImageContent& image, bool directory, VolumeSpec& spec);

// INVALID_ARGUMENT for an unknown key of a snapshot class; it has none of its own yet.
absl::Status CheckSnapshotParameters(const ParameterMap& parameters);

// The size of a new volume: at least required and the minimum, rounded up to `unit`, at most limit.
// `source_bytes` is the size of the content it starts with, 0 without. INVALID_ARGUMENT for
// negative numbers, OUT_OF_RANGE when there is no such size.
absl::StatusOr<int64_t> ChooseSize(const v1::CapacityRange& range, int64_t minimum_bytes,
                                   int64_t source_bytes);
// Sizes are multiples of this many bytes: the largest sector size of the disks of today.
inline constexpr int64_t kSizeUnit = 4096;

// OK when a second CreateVolume of the same name asks for what exists. ALREADY_EXISTS, naming what
// differs, otherwise.
absl::Status CheckSameVolume(const v1::VolumeRecord& existing, const v1::VolumeRequest& request);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_VOLUME_SPEC_H_
