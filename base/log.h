// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_BASE_LOG_H_
#define NODEVOL_BASE_LOG_H_

#include <initializer_list>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// Structured logging: one event, one line on standard error, a message and key=value fields.
// Values are escaped, so that no input can forge a line. Thread-safe.
namespace nodevol::log {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class Format { kText, kJson };

struct Field {
  Field(absl::string_view k, const absl::AlphaNum& v) : key(k), value(v.Piece()) {}
  Field(absl::string_view k, const absl::Status& v) : key(k), value(v.ToString()) {}
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  Field(absl::string_view k, Number v) : key(k), bare(true) {
    if constexpr (std::is_same_v<Number, bool>) {
      value = v ? "true" : "false";
    } else {
      value = absl::StrCat(v);
    }
  }

  absl::string_view key;
  std::string value;
  bool bare = false;  // no string in JSON
};
using Fields = std::initializer_list<Field>;

// Parses "debug", "info", "warn", "error". INVALID_ARGUMENT otherwise.
absl::Status ParseLevel(absl::string_view text, Level* level);
// Parses "text", "json". INVALID_ARGUMENT otherwise.
absl::Status ParseFormat(absl::string_view text, Format* format);

// Call once, before the first thread. Until then lines of level info and above go out as text.
void Init(Level level, Format format);

[[nodiscard]] bool Enabled(Level level);
void Write(Level level, absl::string_view message, const Field* begin, const Field* end);

inline void Debug(absl::string_view message, Fields fields = {}) {
  Write(Level::kDebug, message, fields.begin(), fields.end());
}
inline void Info(absl::string_view message, Fields fields = {}) {
  Write(Level::kInfo, message, fields.begin(), fields.end());
}
inline void Warn(absl::string_view message, Fields fields = {}) {
  Write(Level::kWarn, message, fields.begin(), fields.end());
}
inline void Error(absl::string_view message, Fields fields = {}) {
  Write(Level::kError, message, fields.begin(), fields.end());
}

// The text between the quotes of a JSON string: quotes, backslashes and control characters escaped,
// bytes that are not UTF-8 replaced. Visible for testing.
std::string JsonEscape(absl::string_view text);

}  // namespace nodevol::log

#endif  // NODEVOL_BASE_LOG_H_
