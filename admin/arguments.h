// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_ARGUMENTS_H_
#define NODEVOL_ADMIN_ARGUMENTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nodevol::admin {

// An option of a command: "--name=VALUE", "--name VALUE", or with a letter "-l VALUE".
struct Option {
  std::string name;
  std::string value;  // what it takes, for the help: "PATH"; "" for a switch
  std::string help;
  char letter = '\0';
  bool repeatable = false;
};

// The words after a command, understood.
class Arguments {
 public:
  [[nodiscard]] bool Has(absl::string_view option) const;
  // The last value that was given, else `otherwise`.
  [[nodiscard]] std::string Get(absl::string_view option, absl::string_view otherwise = "") const;
  [[nodiscard]] std::vector<std::string> All(absl::string_view option) const;
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

 private:
  friend absl::StatusOr<Arguments> ParseArguments(const std::vector<Option>& options,
                                                  const std::vector<std::string>& arguments);

  std::map<std::string, std::vector<std::string>, std::less<>> options_;
  std::vector<std::string> words_;
};

// Reads options and words in any order; after "--" all are words, and "-" is one. INVALID_ARGUMENT
// names an option that is unknown, lacks its value, has one too many, or is given twice.
absl::StatusOr<Arguments> ParseArguments(const std::vector<Option>& options,
                                         const std::vector<std::string>& arguments);

// A paragraph for each option.
std::string DescribeOptions(const std::vector<Option>& options);

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_ARGUMENTS_H_
