// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_VOLUME_ATTRIBUTES_H_
#define NODEVOL_STORAGE_VOLUME_ATTRIBUTES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/map.h"

#include "proto/storage.pb.h"

// What a VolumeAttributesClass can change of a volume that exists. A StorageClass may have the same
// keys, for its volumes to begin with.
namespace nodevol::storage {

// True for inodeLimit, undeleteWindow and discard.
bool IsAttribute(absl::string_view key);

// Sets one attribute. INVALID_ARGUMENT for a bad value.
absl::Status SetAttribute(absl::string_view key, absl::string_view value,
                          v1::VolumeAttributes& attributes);

// Sets all of them, or none: INVALID_ARGUMENT names the first key that is none or has a bad value,
// and an empty map.
absl::Status SetAttributes(const google::protobuf::Map<std::string, std::string>& parameters,
                           v1::VolumeAttributes& attributes);

// INVALID_ARGUMENT when a volume with this content can't have its attributes.
absl::Status CheckAttributes(const v1::VolumeRecord& volume);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_VOLUME_ATTRIBUTES_H_
