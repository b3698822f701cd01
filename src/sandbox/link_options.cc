#include "sandbox/link_options.h"

#include <algorithm>
#include <fstream>

namespace ci::sandbox {

namespace {

struct Known {
  std::string_view header;  // or how its name begins
  std::vector<std::string> options;
};

const std::vector<Known>& known_headers() {
  static const std::vector<Known> known = {
      {"omp.h>", {"-fopenmp"}},      {"gsl/", {"-lgsl", "-lgslcblas"}},
      {"lapacke.h>", {"-llapacke"}}, {"cblas.h>", {"-lblas"}},
      {"zlib.h>", {"-lz"}},
  };
  return known;
}

std::string_view without_blanks_in_front(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
}

// "zlib.h>…" of a line like "# include <zlib.h>"; empty for every other line.
std::string_view included(std::string_view line) {
  for (const std::string_view word : {"#", "include", "<"}) {
    line = without_blanks_in_front(line);
    if (!line.starts_with(word)) return {};
    line.remove_prefix(word.size());
  }
  return line;
}

}  // namespace

std::vector<std::string> link_options(std::string_view source) {
  std::vector<std::string> options;
  while (!source.empty()) {
    const size_t end = std::min(source.find('\n'), source.size());
    const std::string_view header = included(source.substr(0, end));
    source.remove_prefix(std::min(end + 1, source.size()));
    if (header.empty()) continue;
    for (const Known& one : known_headers()) {
      if (!header.starts_with(one.header)) continue;
      if (std::ranges::find(options, one.options.front()) != options.end()) continue;
      options.insert(options.end(), one.options.begin(), one.options.end());
    }
  }
  return options;
}

std::vector<std::string> quick_linker(const std::filesystem::path& programs) {
  for (const std::string name : {"gold", "mold"}) {
    std::error_code ignored;
    if (std::filesystem::exists(programs / ("ld." + name), ignored)) return {"-fuse-ld=" + name};
  }
  return {};
}

std::vector<std::string> crate_options(std::span<const std::filesystem::path> directories) {
  for (const std::filesystem::path& directory : directories) {
    std::ifstream list(directory / "crates.txt");
    if (!list) continue;
    std::vector<std::string> options;
    for (std::string crate, file; list >> crate >> file;) {
      if (options.empty()) options = {"-L", "dependency=" + directory.string()};
      options.push_back("--extern");
      options.push_back(crate + "=" + (directory / file).string());
    }
    return options;
  }
  return {};
}

}  // namespace ci::sandbox
