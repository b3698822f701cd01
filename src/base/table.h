#pragma once
// A table of texts, for a terminal or for a Markdown document. Pure.

#include <string>
#include <vector>

namespace ci {

struct Column {
  Column(std::string text, bool is_text = false) : title(std::move(text)), left(is_text) {}
  std::string title;
  bool left;  // aligned; numbers stand to the right
};

struct Table {
  std::string title;
  std::vector<std::string> before;  // sentences above it
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // a cell for each column
  std::vector<std::string> after;              // sentences below it

  void add(std::vector<std::string> row) { rows.push_back(std::move(row)); }
};

// Without rows only the sentences. Without a title nothing is in its place.
std::string as_text(const Table& table);
std::string as_markdown(const Table& table);

}  // namespace ci
