// SPDX-License-Identifier: Apache-2.0
#include "kubernetes/legible.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace nodevol::kubernetes {
namespace {

constexpr size_t kMaxBytes = 512;

}  // namespace

std::string Legible(absl::string_view text, const std::vector<std::string>& secrets) {
  std::string shown(text);
  // Before it is shortened: a part of a secret would not be found.
  for (const std::string& secret : secrets) {
    if (!secret.empty()) absl::StrReplaceAll({{secret, "(a token)"}}, &shown);
  }
  if (shown.size() <= kMaxBytes) return shown;
  return absl::StrCat(absl::string_view(shown).substr(0, kMaxBytes), "...");
}

}  // namespace nodevol::kubernetes
