#include "base/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/failure.h"

namespace ci {

namespace {

// Characters, not bytes: all of ours take one place each.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width, bool left) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return left ? text + space : space + text;
}

std::vector<size_t> widths_of(const Table& table) {
  std::vector<size_t> widths;
  for (const Column& column : table.columns) widths.push_back(width_of(column.title));
  for (const auto& row : table.rows) {
    CHECK(row.size() == widths.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  return widths;
}

std::vector<std::string> titles_of(const Table& table) {
  std::vector<std::string> titles;
  for (const Column& column : table.columns) titles.push_back(column.title);
  return titles;
}

// Lines of at most so many characters, broken at spaces and set in by two.
std::string wrapped(const std::string& sentence) {
  constexpr size_t longest = 116;
  std::istringstream words(sentence);
  std::string text, line;
  for (std::string word; words >> word;) {
    if (!line.empty() && width_of(line) + 1 + width_of(word) > longest) {
      text += "  " + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return text + "  " + line + "\n";
}

// What would end a cell of a Markdown table.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '|' ? std::string("\\|") : std::string(1, c);
  return result;
}

std::string without_end_space(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::string as_text(const Table& table) {
  std::string text = table.title.empty() ? "" : table.title + "\n";
  for (const std::string& sentence : table.before) text += wrapped(sentence);
  const std::vector<size_t> widths = widths_of(table);
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string result = " ";
    for (size_t i = 0; i < cells.size(); ++i) result += " " + padded(cells[i], widths[i], table.columns[i].left) + " ";
    return without_end_space(std::move(result)) + "\n";
  };
  if (!table.rows.empty()) {
    text += (text.empty() ? "" : "\n") + line(titles_of(table));
    for (const auto& row : table.rows) text += line(row);
  }
  if (!table.after.empty()) text += "\n";
  for (const std::string& sentence : table.after) text += wrapped(sentence);
  return text;
}

std::string as_markdown(const Table& original) {
  Table table = original;
  for (auto& row : table.rows) std::ranges::transform(row, row.begin(), escaped);
  std::string text = "### " + table.title + "\n";
  for (const std::string& sentence : table.before) text += "\n" + sentence + "\n";
  if (!table.rows.empty()) {
    const std::vector<size_t> widths = widths_of(table);
    const auto line = [&](const std::vector<std::string>& cells) {
      std::string result = "|";
      for (size_t i = 0; i < cells.size(); ++i)
        result += " " + padded(cells[i], widths[i], table.columns[i].left) + " |";
      return result + "\n";
    };
    text += "\n" + line(titles_of(table)) + "|";
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string dashes(widths[i] + 1, '-');
      text += table.columns[i].left ? ":" + dashes + "|" : dashes + ":|";
    }
    text += "\n";
    for (const auto& row : table.rows) text += line(row);
  }
  for (const std::string& sentence : table.after) text += "\n" + sentence + "\n";
  return text;
}

}  // namespace ci
