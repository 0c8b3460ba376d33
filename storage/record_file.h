// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_STORAGE_RECORD_FILE_H_
#define NODEVOL_STORAGE_RECORD_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

// Records on the disk: a header line with format version and checksum, then the message as JSON, so
// that an admin can read it and `tail -n +2 record | sha256sum` can check it
// (docs/on-disk-format.md).
namespace nodevol::storage {

// Visible for testing. INVALID_ARGUMENT for what would be too large to be read again.
absl::StatusOr<std::string> EncodeRecord(const google::protobuf::Message& message);
// DATA_LOSS when the checksum or the JSON is wrong; FAILED_PRECONDITION when a newer driver wrote
// it.
absl::Status DecodeRecord(absl::string_view content, google::protobuf::Message& message);

// Writes the record of a new object as `name` in `directory` and syncs the file. The directory is
// left to the caller. RESOURCE_EXHAUSTED when there is no space.
absl::Status WriteRecord(int directory, absl::string_view name,
                         const google::protobuf::Message& message);

// Replaces a record: new file, sync, rename over the old one. The caller syncs the directory: until
// then either of the two can be there after a power cut. On an error the old one stands.
absl::Status ReplaceRecord(int directory, absl::string_view name,
                           const google::protobuf::Message& message);

// Reads `name` in `directory`. DATA_LOSS when it is damaged or larger than any record.
absl::Status ReadRecord(int directory, absl::string_view name, google::protobuf::Message& message);

}  // namespace nodevol::storage

#endif  // NODEVOL_STORAGE_RECORD_FILE_H_
