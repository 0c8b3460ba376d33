// SPDX-License-Identifier: Apache-2.0
#ifndef NODEVOL_ADMIN_TABLE_H_
#define NODEVOL_ADMIN_TABLE_H_

#include <string>
#include <vector>

namespace nodevol::admin {

// Rows of cells in columns, for people. Cells are made printable; empty ones show as "-".
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns);
  // As many cells as there are columns.
  void AddRow(const std::vector<std::string>& cells);
  // The titles and the rows, each a line; no space at an end of a line.
  [[nodiscard]] std::string Text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace nodevol::admin

#endif  // NODEVOL_ADMIN_TABLE_H_
