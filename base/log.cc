// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace nodevol::log {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

struct State {
  std::shared_ptr<spdlog::logger> logger;
  Format format = Format::kText;
};

std::unique_ptr<spdlog::formatter> MakeFormatter(Format format) {
  return std::make_unique<spdlog::pattern_formatter>(
      format == Format::kJson ? kJsonPattern : kTextPattern, spdlog::pattern_time_type::utc);
}

// Never destroyed: threads may log until the process is gone.
State& GlobalState() {
  static State* const state = [] {
    auto* made = new State;
    made->logger = std::make_shared<spdlog::logger>(
        "nodevol", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->logger->set_formatter(MakeFormatter(made->format));
    return made;
  }();
  return *state;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Length of the valid UTF-8 sequence at the start of text, 0 when there is none (RFC 3629).
size_t Utf8SequenceLength(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (byte(0) >= 0xC2 && byte(0) <= 0xDF) {
    length = 2;
  } else if (byte(0) >= 0xE0 && byte(0) <= 0xEF) {
    length = 3;
    if (byte(0) == 0xE0) low = 0xA0;
    if (byte(0) == 0xED) high = 0x9F;
  } else if (byte(0) >= 0xF0 && byte(0) <= 0xF4) {
    length = 4;
    if (byte(0) == 0xF0) low = 0x90;
    if (byte(0) == 0xF4) high = 0x8F;
  }
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

// Text lines quote a value only where a reader could not tell its end.
bool NeedsQuotes(absl::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == '\x7f') return true;
  }
  return false;
}

}  // namespace

std::string JsonEscape(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    size_t taken = 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '\x7f') {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
    } else if (static_cast<unsigned char>(c) < 0x80) {
      out += c;
    } else if (const size_t length = Utf8SequenceLength(text); length > 0) {
      out.append(text.data(), length);
      taken = length;
    } else {
      out += "\\ufffd";
    }
    text.remove_prefix(taken);
  }
  return out;
}

absl::Status ParseLevel(absl::string_view text, Level* level) {
  for (const auto& [name, value] : {std::pair<absl::string_view, Level>{"debug", Level::kDebug},
                                    {"info", Level::kInfo},
                                    {"warn", Level::kWarn},
                                    {"error", Level::kError}}) {
    if (text == name) {
      *level = value;
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown log level \"", text, "\"; use debug, info, warn or error"));
}

absl::Status ParseFormat(absl::string_view text, Format* format) {
  if (text == "text") {
    *format = Format::kText;
  } else if (text == "json") {
    *format = Format::kJson;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown log format \"", text, "\"; use text or json"));
  }
  return absl::OkStatus();
}

void Init(Level level, Format format) {
  State& state = GlobalState();
  state.format = format;
  state.logger->set_formatter(MakeFormatter(format));
  state.logger->set_level(ToSpdlog(level));
  state.logger->flush_on(spdlog::level::debug);
}

bool Enabled(Level level) { return GlobalState().logger->should_log(ToSpdlog(level)); }

void Write(Level level, absl::string_view message, const Field* begin, const Field* end) {
  const State& state = GlobalState();
  if (!state.logger->should_log(ToSpdlog(level))) return;
  std::string line;
  if (state.format == Format::kJson) {
    line = absl::StrCat("\"msg\":\"", JsonEscape(message), "\"");
    for (const Field* field = begin; field != end; ++field) {
      const char* const quote = field->bare ? "" : "\"";
      absl::StrAppend(&line, ",\"", field->key, "\":", quote, JsonEscape(field->value), quote);
    }
  } else {
    line = JsonEscape(message);
    for (const Field* field = begin; field != end; ++field) {
      const bool quoted = NeedsQuotes(field->value);
      absl::StrAppend(&line, " ", field->key, quoted ? "=\"" : "=", JsonEscape(field->value),
                      quoted ? "\"" : "");
    }
  }
  state.logger->log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace nodevol::log
