#include "base/relative_path.h"

#include <algorithm>
#include <cstdint>

namespace ci {

bool is_utf8(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    size_t length = 1;
    std::uint32_t point = lead;
    if (lead >= 0x80) {
      if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
        point = lead & 0x1f;
      } else if ((lead & 0xf0) == 0xe0) {
        length = 3;
        point = lead & 0x0f;
      } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        point = lead & 0x07;
      } else {
        return false;
      }
      if (i + length > bytes.size()) return false;
      for (size_t k = 1; k < length; ++k) {
        const auto next = static_cast<unsigned char>(bytes[i + k]);
        if ((next & 0xc0) != 0x80) return false;
        point = point << 6 | (next & 0x3f);
      }
      if (length == 3 && (point < 0x800 || (point >= 0xd800 && point <= 0xdfff))) return false;
      if (length == 4 && (point < 0x10000 || point > 0x10ffff)) return false;
    }
    i += length;
  }
  return true;
}

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
