#pragma once
// A path below some directory, checked once when made: no absolute path, no "..", no "." or empty segment, no
// backslash, no NUL, at most 10 segments and 256 characters (UTF-8 code points), valid UTF-8, segments at most
// 255 bytes. Whoever has one need not check again.

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ci {

class RelativePath {
 public:
  static std::optional<RelativePath> parse(std::string_view text);

  const std::string& text() const { return text_; }
  std::string_view base_name() const;  // after the last '/'
  std::vector<std::string_view> segments() const;

  friend auto operator<=>(const RelativePath&, const RelativePath&) = default;

 private:
  explicit RelativePath(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace ci
