// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/token.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/struct.pb.h"

#include "base/errno_status.h"
#include "base/unique_fd.h"
#include "kubernetes/json.h"

namespace nodevol::kubernetes {
namespace {

// Those of a cluster have one to two KiB; the link takes 8 KiB of metadata in all.
constexpr size_t kMaxBytes = 6 << 10;

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::string_view("-._~+/=").find(c) != absl::string_view::npos;
}

absl::Status Unreadable(const std::string& path, absl::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("can't read a token from ", path, ": ", why,
                   "; it must be a file that a projected ServiceAccount token is mounted as"));
}

// At most one byte more than a token can have.
absl::StatusOr<std::string> ReadStart(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return Unreadable(path, ErrnoStatus(errno, "open").message());
  std::string text(kMaxBytes + 1, '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unreadable(path, ErrnoStatus(errno, "read").message());
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  text.resize(filled);
  return text;
}

}  // namespace

bool IsToken(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxBytes &&
         std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadStart(path);
  if (!text.ok()) return text;
  absl::StripAsciiWhitespace(&*text);
  if (text->empty()) return Unreadable(path, "it is empty");
  if (!IsToken(*text)) return Unreadable(path, "what is in it is no token");
  return text;
}

absl::StatusOr<absl::Time> EndOfToken(absl::string_view token) {
  const absl::Status none = absl::InvalidArgumentError("the token does not say when it ends");
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  std::string claims;
  google::protobuf::Struct object;
  if (parts.size() != 3 || !absl::WebSafeBase64Unescape(parts[1], &claims) ||
      !ParseJson(claims, object)) {
    return none;
  }
  const google::protobuf::Value* const end = Find(object, {"exp"});
  if (end == nullptr || end->kind_case() != google::protobuf::Value::kNumberValue ||
      !std::isfinite(end->number_value())) {
    return none;
  }
  return absl::UnixEpoch() + absl::Seconds(end->number_value());
}

}  // namespace nodevol::kubernetes
