// SPDX-License-Identifier: Apache-2.0
#include "storage/record_file.h"

#include <cerrno>
#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"

#include "base/errno_status.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "host/file.h"
#include "storage/health.h"
#include "storage/layout.h"

namespace nodevol::storage {
namespace {

constexpr int kFormat = 1;
constexpr absl::string_view kMagic = "nodevol-record";
constexpr size_t kMaxRecordBytes = size_t{256} * 1024;

absl::Status Damaged(absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat("the record is damaged: ", why, "; restore it from a backup"));
}

}  // namespace

absl::StatusOr<std::string> EncodeRecord(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto printed = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!printed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("not to be said in JSON: ", printed.ToString()));
  }
  std::string content =
      absl::StrCat(kMagic, " format=", kFormat, " sha256=", Sha256Hex(json), "\n", json);
  if (content.size() > kMaxRecordBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request is too large to be recorded: ", content.size(),
                     " bytes, at most ", kMaxRecordBytes, " are allowed"));
  }
  return content;
}

absl::Status DecodeRecord(absl::string_view content, google::protobuf::Message& message) {
  const size_t newline = content.find('\n');
  if (newline == absl::string_view::npos) return Damaged("it has no header");
  const std::vector<absl::string_view> header = absl::StrSplit(content.substr(0, newline), ' ');
  const absl::string_view json = content.substr(newline + 1);
  if (header.size() != 3 || header[0] != kMagic) return Damaged("its header is not one of ours");
  absl::string_view format_text = header[1];
  absl::string_view checksum = header[2];
  int format = 0;
  if (!absl::ConsumePrefix(&format_text, "format=") || !absl::SimpleAtoi(format_text, &format) ||
      format < 1 || !absl::ConsumePrefix(&checksum, "sha256=")) {
    return Damaged("its header is not one of ours");
  }
  if (format > kFormat) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "the record has format ", format, ", this driver knows ", kFormat,
                          "; use the driver version that wrote it, or a newer one")),
                      kRecordTooNew);
  }
  if (Sha256Hex(json) != checksum) return Damaged("the checksum does not match");
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;  // rewriting the record would lose them
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), &message, options);
  if (!parsed.ok()) return Damaged(parsed.ToString());
  return absl::OkStatus();
}

absl::Status WriteRecord(int directory, absl::string_view name,
                         const google::protobuf::Message& message) {
  ASSIGN_OR_RETURN(const std::string content, EncodeRecord(message));
  return host::WriteNewFile(directory, name, content, kFileMode);
}

absl::Status ReplaceRecord(int directory, absl::string_view name,
                           const google::protobuf::Message& message) {
  const std::string temporary = absl::StrCat(name, kTemporarySuffix);
  absl::Status written = WriteRecord(directory, temporary, message);
  if (ErrnoOf(written) == EEXIST) {  // a process was killed here
    RETURN_IF_ERROR(host::RemoveFile(directory, temporary));
    written = WriteRecord(directory, temporary, message);
  }
  if (written.ok()) written = host::RenameOver(directory, temporary, name);
  // Best effort: a leftover is garbage that the next replacement removes.
  if (!written.ok()) host::RemoveFile(directory, temporary).IgnoreError();
  return written;
}

absl::Status ReadRecord(int directory, absl::string_view name, google::protobuf::Message& message) {
  absl::StatusOr<std::string> content = host::ReadFile(directory, name, kMaxRecordBytes);
  if (!content.ok()) {
    if (absl::IsOutOfRange(content.status())) return Damaged(content.status().message());
    return content.status();
  }
  return DecodeRecord(*content, message);
}

}  // namespace nodevol::storage
