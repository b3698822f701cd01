#include "languages/language.h"

#include <algorithm>
#include <cctype>

namespace ci::languages {

namespace {

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<signed char>(c) < 0;
}

std::string_view take_word(std::string_view& text) {
  const size_t begin = text.find_first_not_of(" \t");
  text.remove_prefix(std::min(begin, text.size()));
  size_t size = 0;
  while (size < text.size() && is_word(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

// "import a.b as c, d" and "from a.b import c": the names up to the first dot.
void add_imports(std::string_view statement, std::vector<std::string>& found) {
  std::string_view rest = statement;
  const std::string_view keyword = take_word(rest);
  if (keyword == "from") {
    if (const auto module = take_word(rest); !module.empty()) found.emplace_back(module);
    return;
  }
  if (keyword != "import") return;
  for (;;) {
    const auto module = take_word(rest);
    if (module.empty()) return;
    found.emplace_back(module);
    const size_t comma = rest.find(',');
    if (comma == rest.npos) return;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace

const Language* find(std::string_view name) {
  for (const Language& language : all()) {
    if (same(language.code, name)) return &language;
    for (const std::string_view alias : language.aliases) {
      if (same(alias, name)) return &language;
    }
  }
  return nullptr;
}

std::vector<std::string> python_imports(std::string_view code) {
  // What comes later is found too late for nothing but the choice of a warm sandbox.
  constexpr std::size_t looked_at = 256 << 10;
  code = code.substr(0, looked_at);
  std::vector<std::string> found;
  while (!code.empty()) {
    std::string_view line = code.substr(0, code.find('\n'));
    code.remove_prefix(std::min(code.size(), line.size() + 1));
    line = line.substr(0, line.find('#'));
    while (!line.empty()) {
      const std::string_view statement = line.substr(0, line.find(';'));
      line.remove_prefix(std::min(line.size(), statement.size() + 1));
      add_imports(statement, found);
    }
  }
  std::ranges::sort(found);
  const auto repeats = std::ranges::unique(found);
  found.erase(repeats.begin(), repeats.end());
  return found;
}

}  // namespace ci::languages
