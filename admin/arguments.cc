// SPDX-License-Identifier: Apache-2.0
#include "admin/arguments.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace nodevol::admin {
namespace {

// An argument that begins as options do, taken apart.
struct Given {
  std::string text;  // "--pool", "-o"
  const Option* option = nullptr;
  std::optional<std::string> value;  // what is behind "=", or behind the letter
};

Given TakeApart(const std::vector<Option>& options, const std::string& argument) {
  Given given;
  if (absl::StartsWith(argument, "--")) {
    const size_t equals = argument.find('=');
    given.text = argument.substr(0, equals);
    if (equals != std::string::npos) given.value = argument.substr(equals + 1);
  } else {
    given.text = argument.substr(0, 2);
    if (argument.size() > 2) given.value = argument.substr(argument[2] == '=' ? 3 : 2);
  }
  for (const Option& option : options) {
    const bool by_letter =
        option.letter != '\0' && given.text == absl::StrCat("-", std::string(1, option.letter));
    if (by_letter || given.text == absl::StrCat("--", option.name)) given.option = &option;
  }
  return given;
}

absl::Status Invalid(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(text, " ", what));
}

}  // namespace

bool Arguments::Has(absl::string_view option) const { return options_.contains(option); }

std::string Arguments::Get(absl::string_view option, absl::string_view otherwise) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::string(otherwise) : found->second.back();
}

std::vector<std::string> Arguments::All(absl::string_view option) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::vector<std::string>() : found->second;
}

absl::StatusOr<Arguments> ParseArguments(const std::vector<Option>& options,
                                         const std::vector<std::string>& arguments) {
  Arguments parsed;
  bool only_words = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (only_words || argument.size() < 2 || argument.front() != '-') {
      parsed.words_.push_back(argument);
      continue;
    }
    if (argument == "--") {
      only_words = true;
      continue;
    }
    Given given = TakeApart(options, argument);
    if (given.option == nullptr) return Invalid(given.text, "is no option of this command");
    const Option& option = *given.option;
    if (option.value.empty() && given.value.has_value()) {
      return Invalid(given.text, absl::StrCat("takes no value, but has \"", *given.value, "\""));
    }
    if (!option.value.empty() && !given.value.has_value()) {
      if (i + 1 == arguments.size()) {
        return Invalid(given.text, absl::StrCat("lacks its value: ", option.value));
      }
      given.value = arguments[++i];
    }
    std::vector<std::string>& values = parsed.options_[option.name];
    if (!values.empty() && !option.repeatable) return Invalid(given.text, "is given twice");
    values.push_back(given.value.value_or(""));
  }
  return parsed;
}

std::string DescribeOptions(const std::vector<Option>& options) {
  std::vector<std::string> names;
  size_t width = 0;
  for (const Option& option : options) {
    names.push_back(absl::StrCat(
        option.letter == '\0' ? "    " : absl::StrCat("-", std::string(1, option.letter), ", "),
        "--", option.name, option.value.empty() ? "" : absl::StrCat(" ", option.value)));
    width = std::max(width, names.back().size());
  }
  std::string text;
  for (size_t i = 0; i < options.size(); ++i) {
    const std::string indent(width + 4, ' ');
    const std::vector<std::string> lines = absl::StrSplit(options[i].help, '\n');
    absl::StrAppend(&text, "  ", names[i], std::string(width - names[i].size() + 2, ' '),
                    absl::StrJoin(lines, absl::StrCat("\n", indent)), "\n");
  }
  return text;
}

}  // namespace nodevol::admin
