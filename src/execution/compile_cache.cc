#include "execution/compile_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/sha256.h"
#include "base/sys.h"

namespace ci::execution {

namespace {

// Changes whenever a package is installed, upgraded or removed, and so with every part of every toolchain.
constexpr std::string_view installed_packages = "/var/lib/dpkg/status";

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// Without white space and in lower case, as the words are that must not be mentioned. A word of C may go on in the next line
// when a backslash ends its own.
std::string squeezed(std::string_view code) {
  std::string text;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (is_space(c)) continue;
    if (c == '\\') {
      const std::size_t next = std::min(code.find_first_not_of(" \t\r", i + 1), code.size());
      if (next < code.size() && code[next] == '\n') continue;
    }
    text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

// Comments of C, D and Rust. What only looks like one, in a text, is found in the source as it is.
std::string without_comments(std::string_view code) {
  constexpr std::array<std::array<std::string_view, 2>, 3> comments = {{{"/*", "*/"}, {"/+", "+/"}, {"//", "\n"}}};
  std::string text;
  while (!code.empty()) {
    const auto comment = std::ranges::find_if(comments, [code](const auto& ends) { return code.starts_with(ends[0]); });
    if (comment == comments.end()) {
      text += code.front();
      code.remove_prefix(1);
    } else {
      const std::size_t end = code.find((*comment)[1], 2);
      code.remove_prefix(end == code.npos ? code.size() : end + (*comment)[1].size());
    }
  }
  return text;
}

bool mentions_something_fickle(const languages::Compile& compile, std::string_view text) {
  const auto mentioned = [text](std::string_view word) { return text.find(word) != text.npos; };
  const auto goes_on_otherwise = [&](std::string_view word) {
    for (std::size_t at = 0; (at = text.find(word, at)) != text.npos;) {
      at += word.size();
      if (at == text.size() || !compile.harmless_next.contains(text[at])) return true;
    }
    return false;
  };
  return std::ranges::any_of(compile.fickle, mentioned) ||
         std::ranges::any_of(compile.fickle_unless_followed, goes_on_otherwise);
}

// Each part with its length, so that no two lists of parts look alike.
void add(std::string& text, std::string_view part) {
  text += std::to_string(part.size());
  text += ':';
  text += part;
}

void add_file(std::string& text, const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return add(text, "absent");
  add(text, std::to_string(info.st_ino) + ' ' + std::to_string(info.st_size) + ' ' +
                std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec));
}

}  // namespace

std::optional<std::string> CompileCache::key(
    const languages::Language& language, std::string_view code, std::string_view packages) const {
  const languages::Compile& compile = language.compile;
  // To look for words takes time in which nobody else is served.
  constexpr std::size_t longest_code = 256 << 10;
  if (settings_.bytes == 0 || compile.command.empty() || code.size() > longest_code) return std::nullopt;
  if (mentions_something_fickle(compile, squeezed(code)) ||
      mentions_something_fickle(compile, squeezed(without_comments(code)))) {
    return std::nullopt;
  }
  std::string text;
  add(text, language.code);
  add(text, packages);
  for (const languages::Words* words : {&compile.command, &compile.quick, &compile.environment}) {
    add(text, std::to_string(words->size()));
    for (const std::string_view word : *words) add(text, word);
  }
  for (const std::string_view file : {language.needs, installed_packages}) add_file(text, settings_.system.find(file));
  add(text, code);
  return sha256_hex(text);
}

UniqueFd CompileCache::find(const std::string& key) {
  const auto place = places_.find(key);
  if (place == places_.end()) {
    ++misses_;
    return {};
  }
  ++hits_;
  entries_.splice(entries_.begin(), entries_, place->second);
  const int program = place->second->program.get();
  return UniqueFd(sys("passing on a program", [program] { return ::fcntl(program, F_DUPFD_CLOEXEC, 0); }));
}

void CompileCache::keep(const std::string& key, UniqueFd program, std::uint64_t size) {
  if (size > largest() || settings_.entries == 0 || places_.contains(key)) return;
  while (!entries_.empty() && (bytes_ + size > settings_.bytes || entries_.size() >= settings_.entries)) {
    bytes_ -= entries_.back().size;
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.emplace_front(key, std::move(program), size);
  places_.emplace(key, entries_.begin());
  bytes_ += size;
}

void CompileCache::forget() {
  entries_.clear();
  places_.clear();
  bytes_ = 0;
}

CompileCacheStatistics CompileCache::statistics() const { return {hits_, misses_, entries_.size(), bytes_}; }

}  // namespace ci::execution
