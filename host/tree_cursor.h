// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_HOST_TREE_CURSOR_H_
#define NODEVOL_HOST_TREE_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/unique_fd.h"
#include "host/file.h"

namespace nodevol::host {

// A place in a directory tree, moved depth first by descriptor: no link is followed, no mount
// entered. A bounded number of descriptors and of names is held, however deep the tree and however
// long its directories: the tree may be hostile.
class TreeCursor {
 public:
  // At the tree's top, a directory that is open for reading.
  static absl::StatusOr<TreeCursor> Start(int top);

  // The directory that it is in, open for reading while the cursor stays in it.
  [[nodiscard]] int directory() const { return levels_.back().directory.get(); }
  // 0 at the top.
  [[nodiscard]] size_t depth() const { return levels_.size() - 1; }

  // The next name in the directory, nullopt after the last. Names that come and go meanwhile may be
  // missed.
  absl::StatusOr<std::optional<std::string>> Next();
  // Goes down. FAILED_PRECONDITION when something is mounted on the directory.
  absl::Status Enter(const std::string& name);
  // Goes up, where Next() goes on. ABORTED when somebody has moved the directory: then the cursor
  // is lost.
  absl::Status Leave();

 private:
  struct Entry {
    std::string name;
    int64_t position_after = 0;
  };
  struct Level {
    UniqueFd directory;  // closed when too many are beneath it
    FileInfo info;
    std::vector<Entry> ahead;  // read and not given out, last first
    int64_t position = 0;      // after the last that was given out
    bool at_end = false;       // nothing is behind `ahead`
  };

  explicit TreeCursor(Level top) { levels_.push_back(std::move(top)); }
  absl::Status ReadAhead(Level& level);

  std::vector<Level> levels_;
};

}  // namespace nodevol::host

#endif  // NODEVOL_HOST_TREE_CURSOR_H_
