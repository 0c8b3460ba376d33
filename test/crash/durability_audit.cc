// SPDX-License-Identifier: Apache-2.0
#include "test/crash/durability_audit.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace nodevol::testing {
namespace {

// One finished system call.
struct Call {
  std::string name;
  std::string arguments;
  bool ok = false;
};

// Puts together what strace wrote in two lines because another thread came between.
class LineJoiner {
 public:
  // The whole line, without its thread id; "" while it is unfinished.
  std::string Join(absl::string_view line) {
    const size_t space = line.find(' ');
    if (space == absl::string_view::npos) return "";
    const std::string thread(line.substr(0, space));
    absl::string_view rest = absl::StripLeadingAsciiWhitespace(line.substr(space));
    if (absl::ConsumeSuffix(&rest, " <unfinished ...>")) {
      unfinished_[thread] = std::string(rest);
      return "";
    }
    if (absl::StartsWith(rest, "<... ")) {
      const size_t end = rest.find("resumed>");
      if (end == absl::string_view::npos) return "";
      return absl::StrCat(std::exchange(unfinished_[thread], ""),
                          rest.substr(end + sizeof("resumed>") - 1));
    }
    return std::string(rest);
  }

 private:
  std::map<std::string, std::string> unfinished_;
};

Call Parse(absl::string_view line) {
  Call call;
  const size_t open = line.find('(');
  const size_t equals = line.rfind(") = ");
  const size_t spaced = line.rfind(" = ");
  if (open == absl::string_view::npos || spaced == absl::string_view::npos) return call;
  call.name = std::string(line.substr(0, open));
  call.arguments = std::string(
      line.substr(open + 1, (equals == absl::string_view::npos ? spaced : equals) - open - 1));
  const absl::string_view result = line.substr(spaced + 3);
  call.ok = !absl::StartsWith(result, "-1") && !absl::StrContains(result, "INJECTED");
  return call;
}

// The n-th path that strace -y put behind a descriptor: 5</path>.
std::string PathOfDescriptor(absl::string_view arguments, int n) {
  size_t at = 0;
  while (true) {
    const size_t begin = arguments.find("</", at);
    if (begin == absl::string_view::npos) return "";
    const size_t end = arguments.find('>', begin);
    if (end == absl::string_view::npos) return "";
    if (n-- == 0) return std::string(arguments.substr(begin + 1, end - begin - 1));
    at = end;
  }
}

// The n-th string in quotes.
std::string Quoted(absl::string_view arguments, int n) {
  const std::vector<absl::string_view> parts = absl::StrSplit(arguments, '"');
  const size_t index = 2 * static_cast<size_t>(n) + 1;
  return index < parts.size() ? std::string(parts[index]) : "";
}

class Audit {
 public:
  explicit Audit(absl::string_view pool) : pool_(pool), meta_(absl::StrCat(pool, "/.nodevol/")) {}

  void See(const Call& call) {
    if (!call.ok) return;
    const std::string first = PathOfDescriptor(call.arguments, 0);
    if (call.name == "fsync" || call.name == "fdatasync") {
      dirty_.erase(first);
    } else if (call.name == "syncfs") {
      if (InPool(first)) dirty_.clear();
    } else if (call.name == "openat2") {
      if (absl::StrContains(call.arguments, "O_CREAT")) {
        Touch(first);
        Touch(absl::StrCat(first, "/", Quoted(call.arguments, 0)));
      }
    } else if (call.name == "mkdirat" || call.name == "unlinkat") {
      const std::string entry = absl::StrCat(first, "/", Quoted(call.arguments, 0));
      // The reaper works while, and after, the call is answered.
      if (!absl::StartsWith(entry, meta_ + "trash/")) Touch(first);
      if (call.name == "unlinkat") Forget(entry);
    } else if (call.name == "renameat2") {
      Rename(call.arguments);
    } else if (call.name == "copy_file_range") {
      Touch(PathOfDescriptor(call.arguments, 1));
    } else if (call.name == "ioctl") {
      SeeIoctl(call.arguments, first);
    } else {
      Touch(first);
    }
  }

  std::vector<std::string> Finish() {
    for (const std::string& path : dirty_) {
      faults_.push_back(absl::StrCat(path, " was changed and not synced before the answer"));
    }
    return std::move(faults_);
  }

 private:
  [[nodiscard]] bool InPool(absl::string_view path) const {
    return path == pool_ || absl::StartsWith(path, absl::StrCat(pool_, "/"));
  }

  void Touch(const std::string& path) {
    // What is in the trash is gone already, and the lock and the reserve hold nothing.
    const bool counts = InPool(path) && !absl::StartsWith(path, meta_ + "trash/") &&
                        path != meta_ + "lock" && path != meta_ + "reserve";
    if (counts) dirty_.insert(path);
  }

  // A file that is removed, or a directory with all that is in it.
  void Forget(const std::string& path) {
    std::erase_if(dirty_, [&](const std::string& dirty) { return IsAtOrBelow(dirty, path); });
  }

  static bool IsAtOrBelow(absl::string_view path, absl::string_view top) {
    return path == top || absl::StartsWith(path, absl::StrCat(top, "/"));
  }

  void Rename(const std::string& arguments) {
    const std::string old_directory = PathOfDescriptor(arguments, 0);
    const std::string new_directory = PathOfDescriptor(arguments, 1);
    const std::string from = absl::StrCat(old_directory, "/", Quoted(arguments, 0));
    const std::string to = absl::StrCat(new_directory, "/", Quoted(arguments, 1));
    std::set<std::string> moved;
    for (const std::string& path : dirty_) {
      if (IsAtOrBelow(path, from)) {
        faults_.push_back(absl::StrCat(path, " was moved to ", to, " before it was synced"));
        moved.insert(to + path.substr(from.size()));
      } else {
        moved.insert(path);
      }
    }
    dirty_ = std::move(moved);
    Touch(old_directory);
    Touch(new_directory);
  }

  void SeeIoctl(const std::string& arguments, const std::string& first) {
    if (absl::StrContains(arguments, "WAIT_SYNC") || absl::StrContains(arguments, "SNAP_CREATE")) {
      if (InPool(first)) dirty_.clear();  // a committed transaction holds everything
    } else if (absl::StrContains(arguments, "CLONE") ||
               absl::StrContains(arguments, "SUBVOL_CREATE") ||
               absl::StrContains(arguments, "BTRFS_IOC_QGROUP")) {
      Touch(first);
    }
  }

  const std::string pool_;
  const std::string meta_;
  std::set<std::string> dirty_;
  std::vector<std::string> faults_;
};

}  // namespace

std::vector<std::string> AuditDurability(absl::string_view trace, absl::string_view pool_path) {
  Audit audit(pool_path);
  LineJoiner joiner;
  for (const absl::string_view line : absl::StrSplit(trace, '\n', absl::SkipEmpty())) {
    const std::string whole = joiner.Join(line);
    if (!whole.empty()) audit.See(Parse(whole));
  }
  return audit.Finish();
}

}  // namespace nodevol::testing
