// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_MISTAKES_H_
#define NODEVOL_MISTAKES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace nodevol {

// Collects what is wrong with the flags, so that all is told at once.
class Mistakes {
 public:
  void Add(absl::string_view flag, absl::string_view what) {
    texts_.push_back(absl::StrCat(flag, ": ", what));
  }
  void Add(absl::string_view flag, const absl::Status& status) {
    if (!status.ok()) Add(flag, status.message());
  }
  // For a flag that has a value and no use here, where its author may think that it has.
  void AddUseless(absl::string_view flag, const std::string& value, absl::string_view meant_for) {
    if (!value.empty()) Add(flag, absl::StrCat("\"", value, "\" is for ", meant_for));
  }
  [[nodiscard]] absl::Status ToStatus() const {
    if (texts_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(texts_, "\n"));
  }

 private:
  std::vector<std::string> texts_;
};

}  // namespace nodevol

#endif  // NODEVOL_MISTAKES_H_
