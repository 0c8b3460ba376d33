// SPDX-License-Identifier: Apache-2.0
#include "admin/table.h"

#include "gtest/gtest.h"

namespace nodevol::admin {
namespace {

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({{"NAME"}, {"SIZE", Table::Align::kRight}, {"STATE"}});
  table.AddRow({"ünï", "1.5 GiB", "idle"});
  table.AddRow({"a-longer-name", "", "in use"});
  EXPECT_EQ(table.Text(),
            "NAME              SIZE  STATE\n"
            "ünï            1.5 GiB  idle\n"
            "a-longer-name        -  in use\n");
}

TEST(TableTest, HostileCellStaysInItsLine) {
  Table table({{"NAME"}, {"STATE"}});
  table.AddRow({"a\nfake  row\x1b[31m", "idle"});
  EXPECT_EQ(table.Text(),
            "NAME                    STATE\n"
            "a\\nfake  row\\u001b[31m  idle\n");
}

TEST(TableTest, NothingBehindTheTitles) {
  EXPECT_EQ(Table({{"NAME"}, {"SIZE", Table::Align::kRight}}).Text(), "NAME  SIZE\n");
}

}  // namespace
}  // namespace nodevol::admin
