#include "sandbox/headers.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace ci::sandbox {

namespace {

// A view that shortens from the front.
struct Text {
  std::string_view rest;

  bool take(std::string_view begin) {
    if (!rest.starts_with(begin)) return false;
    rest.remove_prefix(begin.size());
    return true;
  }
  void skip(std::string_view characters) {
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(characters)));
  }

  // Blanks and comments up to the end of the line, or, over_lines, up to the next thing that counts. False when they do
  // not end, or in a way that only a compiler understands.
  bool skip_blank(bool over_lines) {
    for (;;) {
      skip(over_lines ? " \t\r\n" : " \t\r");
      if (take("/*")) {
        const size_t end = rest.find("*/");
        if (end == rest.npos) return false;
        if (!over_lines && rest.substr(0, end).find('\n') != rest.npos) return false;
        rest.remove_prefix(end + 2);
      } else if (take("//")) {
        const std::string_view comment = rest.substr(0, rest.find('\n'));
        if (comment.find('\\') != comment.npos) return false;  // it may go on in the next line
        rest.remove_prefix(comment.size());
      } else {
        return true;
      }
    }
  }

  // The name in an include directive with <>; empty for anything else.
  std::string_view take_include() {
    if (!skip_blank(true) || !take("#")) return {};
    skip(" \t");
    if (!take("include")) return {};
    skip(" \t");
    if (!take("<")) return {};
    const std::string_view name = rest.substr(0, rest.find_first_of(">\n\\"));
    rest.remove_prefix(name.size());
    if (!take(">") || !skip_blank(false) || !(rest.empty() || take("\n"))) return {};
    return name;
  }
};

// What stands in list.txt: "brings HEADER OTHER...": who includes HEADER includes the others too;
// "set NAME HEADER...": there is NAME/all.h, which includes the headers.
struct Line {
  std::string kind, name;
  std::vector<std::string> headers;
};

std::vector<Line> read_list(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<Line> lines;
  for (std::string text; std::getline(file, text);) {
    std::istringstream words(text);
    Line line;
    words >> line.kind >> line.name;
    for (std::string word; words >> word;) line.headers.push_back(word);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

bool files_are_unchanged(const std::filesystem::path& manifest, const PlaceOfFile& place) {
  std::ifstream file(manifest);
  long long size = 0, time = 0;
  bool any = false;
  for (std::string path; file >> size >> time >> path; any = true) {
    struct stat info{};
    std::filesystem::path there = path;
    if (place) there = place(there);
    if (::stat(there.c_str(), &info) != 0 || info.st_size != size || info.st_mtime != time) return false;
  }
  return any && file.eof();
}

std::vector<std::string_view> leading_includes(std::string_view source) {
  Text text{source};
  std::vector<std::string_view> found;
  for (std::string_view name = text.take_include(); !name.empty(); name = text.take_include()) found.push_back(name);
  return found;
}

std::optional<std::string> prepared_headers(std::string_view source) {
  for (const char* directory : header_directories) {
    if (auto prepared = prepared_headers(directory, source)) return prepared;
  }
  return std::nullopt;
}

std::optional<std::string> prepared_headers(const std::filesystem::path& directory, std::string_view source) {
  const auto leading = leading_includes(source);
  if (leading.empty()) return std::nullopt;
  const std::vector<Line> lines = read_list(directory / "list.txt");
  std::set<std::string, std::less<>> brought(leading.begin(), leading.end());
  for (const Line& line : lines) {
    if (line.kind == "brings" && std::ranges::find(leading, line.name) != leading.end()) {
      brought.insert(line.headers.begin(), line.headers.end());
    }
  }
  for (const Line& line : lines) {
    if (line.kind != "set" ||
        !std::ranges::all_of(line.headers, [&](const auto& name) { return brought.contains(name); })) {
      continue;
    }
    const std::filesystem::path prepared = directory / line.name;
    if (files_are_unchanged(prepared / "files.txt")) return prepared / "all.h";
  }
  return std::nullopt;
}

}  // namespace ci::sandbox
