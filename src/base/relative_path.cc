#include "base/relative_path.h"

#include <algorithm>

#include "base/utf8.h"

namespace ci {

std::optional<RelativePath> RelativePath::parse(std::string_view text) {
  if (text.empty() || text.front() == '/' || !is_utf8(text)) return std::nullopt;
  if (text.find('\\') != text.npos || text.find('\0') != text.npos) return std::nullopt;
  const auto characters =
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  if (characters > 256) return std::nullopt;
  RelativePath path{std::string(text)};
  const auto segments = path.segments();
  if (segments.size() > 10) return std::nullopt;
  for (const auto segment : segments) {
    if (segment.empty() || segment == "." || segment == ".." || segment.size() > 255) return std::nullopt;
  }
  return path;
}

std::string_view RelativePath::base_name() const {
  const std::string_view view = text_;
  const size_t slash = view.rfind('/');
  return slash == view.npos ? view : view.substr(slash + 1);
}

std::vector<std::string_view> RelativePath::segments() const {
  std::vector<std::string_view> parts;
  std::string_view rest = text_;
  for (;;) {
    const size_t slash = rest.find('/');
    parts.push_back(rest.substr(0, slash));
    if (slash == rest.npos) return parts;
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace ci
