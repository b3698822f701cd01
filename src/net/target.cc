#include "net/target.h"

#include <algorithm>

#include "net/hex_value.h"

namespace ci::net {

namespace {

// "http://host/path" without scheme and host; other texts stay as they are.
std::string_view without_authority(std::string_view text) {
  if (text.starts_with('/')) return text;
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos || text.find_first_of("/?") < scheme) return text;
  const std::size_t path = text.find_first_of("/?", scheme + 3);
  if (path == std::string_view::npos) return "/";
  return text.substr(path);
}

bool parse_query(std::string_view text, Target& target) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), Plus::space);
    auto value =
        equals == std::string_view::npos ? std::string() : percent_decode(pair.substr(equals + 1), Plus::space);
    if (!name || !value) return false;
    target.query.emplace_back(std::move(*name), std::move(*value));
  }
  return true;
}

bool parse_path(std::string_view text, Target& target) {
  while (!text.empty()) {
    const std::string_view raw = text.substr(0, text.find('/'));
    text.remove_prefix(std::min(text.size(), raw.size() + 1));
    if (raw.empty()) continue;
    auto segment = percent_decode(raw);
    if (!segment) return false;
    target.segments.push_back(std::move(*segment));
  }
  if (!target.segments.empty() && target.segments.front() == "v1") target.segments.erase(target.segments.begin());
  return true;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, Plus plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus == Plus::space) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    decoded += c;
  }
  return decoded;
}

std::string Target::path() const {
  if (segments.empty()) return "/";
  std::string path;
  for (const std::string& segment : segments) {
    path += '/';
    path += segment;
  }
  return path;
}

std::optional<Target> parse_target(std::string_view text) {
  Target target;
  if (text == "*") {  // OPTIONS for the server as a whole
    target.segments.emplace_back("*");
    return target;
  }
  text = without_authority(text);
  if (!text.starts_with('/') && !text.starts_with('?')) return std::nullopt;
  const std::size_t question = text.find('?');
  if (question != std::string_view::npos && !parse_query(text.substr(question + 1), target)) return std::nullopt;
  if (!parse_path(text.substr(0, question), target)) return std::nullopt;
  return target;
}

}  // namespace ci::net
