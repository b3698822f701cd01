#include "app/settings/env_file.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace ci::app {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // a byte order mark
  }

  EnvFile run() {
    while (!at_end()) {
      skip_blanks();
      if (at_end()) break;
      if (peek() == '\n' || peek() == '#') {
        skip_line();
        continue;
      }
      const int line = line_;
      const size_t begin = at_;
      if (!entry()) {
        file_.unreadable_lines.push_back(line);
        if (open_quote_) file_.open_quotes.push_back(line);
        // An unfinished quote has eaten the rest of the file: go on after the line where it began.
        at_ = begin;
        line_ = line;
        skip_line();
      }
    }
    return std::move(file_);
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  void skip_blanks() {
    while (!at_end() && is_blank(peek())) ++at_;
  }
  void skip_line() {
    at_ = std::min(text_.find('\n', at_), text_.size() - 1) + 1;
    ++line_;
  }

  std::string name() {
    const size_t begin = at_;
    while (!at_end() && is_name_character(peek())) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  bool entry() {
    open_quote_ = false;
    std::string key = name();
    skip_blanks();
    if (key == "export" && !at_end() && is_name_character(peek())) {
      key = name();
      skip_blanks();
    }
    if (key.empty() || at_end() || peek() != '=') return false;
    ++at_;
    skip_blanks();
    std::optional<std::string> value;
    if (!at_end() && (peek() == '\'' || peek() == '"')) {
      value = quoted();
      if (!value) return false;
      skip_blanks();
      if (!at_end() && peek() != '\n' && peek() != '#') return false;
    } else {
      value = bare();
    }
    if (!at_end()) skip_line();
    file_.entries.emplace_back(std::move(key), *std::move(value));
    return true;
  }

  std::string bare() {
    const size_t begin = at_;
    size_t end = at_;
    for (; !at_end() && peek() != '\n'; ++at_) {
      if (peek() == '#' && is_blank(text_[at_ - 1])) break;
      if (!is_blank(peek())) end = at_ + 1;
    }
    return std::string(text_.substr(begin, end - begin));
  }

  std::optional<std::string> quoted() {
    const char quote = peek();
    std::string value;
    for (++at_; !at_end(); ++at_) {
      char c = peek();
      if (c == quote) {
        ++at_;
        return value;
      }
      if (c == '\n') ++line_;
      if (c == '\\' && quote == '"' && at_ + 1 < text_.size()) {
        c = text_[++at_];
        switch (c) {
          case 'n':
            c = '\n';
            break;
          case 'r':
            c = '\r';
            break;
          case 't':
            c = '\t';
            break;
          case '"':
          case '\\':
          case '$':
            break;
          default:
            value += '\\';  // not an escape of ours: both characters stay
        }
      }
      value += c;
    }
    open_quote_ = true;
    return std::nullopt;
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  bool open_quote_ = false;
  EnvFile file_;
};

}  // namespace

EnvFile parse_env_file(std::string_view text) { return Parser(text).run(); }

}  // namespace ci::app
