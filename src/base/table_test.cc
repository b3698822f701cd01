#include "base/table.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ci {
namespace {

Table example() {
  Table table;
  table.title = "Times";
  table.before = {"In milliseconds."};
  table.columns = {Column("case", true), Column("p50")};
  table.rows = {{"hello", "2.50"}, {"a ≤ b", "12.00"}};
  table.after = {"Done."};
  return table;
}

TEST(Table, ColumnsLineUpOnATerminal) {
  EXPECT_EQ(
      as_text(example()),
      "Times\n"
      "  In milliseconds.\n"
      "\n"
      "  case     p50\n"
      "  hello   2.50\n"
      "  a ≤ b  12.00\n"
      "\n"
      "  Done.\n");
}

TEST(Table, IsMarkdownForADocument) {
  EXPECT_EQ(
      as_markdown(example()),
      "### Times\n"
      "\n"
      "In milliseconds.\n"
      "\n"
      "| case  |   p50 |\n"
      "|:------|------:|\n"
      "| hello |  2.50 |\n"
      "| a ≤ b | 12.00 |\n"
      "\n"
      "Done.\n");
}

TEST(Table, CellsCannotBreakMarkdown) {
  Table table;
  table.title = "T";
  table.columns = {Column("a", true)};
  table.rows = {{"x|y"}};
  EXPECT_NE(as_markdown(table).find("| x\\|y |"), std::string::npos) << as_markdown(table);
}

TEST(Table, LongSentencesAreBroken) {
  Table table;
  table.title = "T";
  std::string long_one;
  for (int i = 0; i < 40; ++i) long_one += "word ";
  table.before = {long_one + "end"};
  const std::string text = as_text(table);
  EXPECT_EQ(std::ranges::count(text, '\n'), 3);
  EXPECT_NE(text.find("word\n  word"), text.npos);
  EXPECT_TRUE(text.ends_with(" end\n"));
}

TEST(Table, WithoutRowsThereAreOnlySentences) {
  Table table;
  table.title = "Left out";
  table.after = {"nothing"};
  EXPECT_EQ(as_text(table), "Left out\n\n  nothing\n");
  EXPECT_EQ(as_markdown(table), "### Left out\n\nnothing\n");
}

}  // namespace
}  // namespace ci
