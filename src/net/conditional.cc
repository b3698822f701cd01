#include "net/conditional.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>

#include "base/ascii.h"

namespace ci::net {

namespace {

constexpr std::string_view blanks = " \t";

std::string_view unquoted(std::string_view tag) {
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') return tag.substr(1, tag.size() - 2);
  return tag;
}

// Clients send back what we sent, so the one form of today is enough; another is no date.
std::optional<TimePoint> read_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(trimmed(text));
  const char* end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

// Dates of HTTP have whole seconds.
bool is_after(TimePoint modified, TimePoint date) { return std::chrono::floor<std::chrono::seconds>(modified) > date; }

std::optional<std::uint64_t> read_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool may_be_partial(const Headers& request, std::string_view tag, TimePoint modified) {
  const auto condition = request.find("If-Range");
  if (!condition) return true;
  if (const auto date = read_date(*condition)) return !is_after(modified, *date);
  return trimmed(*condition) == tag;  // compared strongly: a weak tag never matches
}

}  // namespace

bool names_tag(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    std::string_view one = trimmed(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (one == "*") return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (!one.empty() && unquoted(one) == unquoted(tag)) return true;
  }
  return false;
}

bool is_known_to(const Headers& request, std::string_view tag, TimePoint modified) {
  if (const auto tags = request.find("If-None-Match")) return names_tag(*tags, tag);
  const auto since = request.find("If-Modified-Since");
  const auto date = since ? read_date(*since) : std::nullopt;
  return date && !is_after(modified, *date);
}

Selection select_bytes(const Headers& request, std::string_view tag, TimePoint modified, std::uint64_t size) {
  const Selection whole{Selection::Kind::whole, 0, size};
  const auto header = request.find("Range");
  if (!header || !may_be_partial(request, tag, modified)) return whole;
  std::string_view text = trimmed(*header);
  constexpr std::string_view unit = "bytes=";
  if (!text.starts_with(unit)) return whole;
  text = trimmed(text.substr(unit.size()));
  const auto dash = text.find('-');
  if (dash == text.npos) return whole;
  const auto first = read_number(text.substr(0, dash));
  const auto last = read_number(text.substr(dash + 1));
  if (dash == 0) {  // the last so many
    if (!last) return whole;
    if (*last == 0 || size == 0) return {Selection::Kind::none, 0, 0};
    const std::uint64_t length = std::min(*last, size);
    return {Selection::Kind::part, size - length, length};
  }
  const bool open_ended = dash + 1 == text.size();
  if (!first || (!last && !open_ended) || (last && *last < *first)) return whole;
  if (*first >= size) return {Selection::Kind::none, 0, 0};
  const std::uint64_t end = open_ended ? size : std::min(size - 1, *last) + 1;
  return {Selection::Kind::part, *first, end - *first};
}

std::string http_date(TimePoint time) {
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace ci::net
