#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "app/settings/settings.h"
#include "base/ascii.h"
#include "base/failure.h"

namespace ci::app {

namespace json = boost::json;

std::string range_text(const Setting& setting) {
  if (setting.highest < setting.lowest) return fmt::format("{} or more", setting.lowest);
  return fmt::format("{} to {}", setting.lowest, setting.highest);
}

namespace {

constexpr std::string_view blanks = " \t\r\n";

[[noreturn]] void refuse(const Setting& setting, std::string_view text, std::string_view wanted) {
  const std::string shown = setting.hidden ? "this value" : fmt::format("\"{}\"", text);
  throw Failure(FailureKind::invalid, fmt::format("{}: {} is not {}", setting.name, shown, wanted));
}

void check_range(const Setting& setting, std::string_view text, double value) {
  const bool above = setting.highest >= setting.lowest && value > setting.highest;
  if (value < setting.lowest || above || !std::isfinite(value)) {
    refuse(setting, text, fmt::format("in the range {}", range_text(setting)));
  }
}

std::int64_t parse_integer(const Setting& setting, std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) refuse(setting, text, "a whole number");
  check_range(setting, text, static_cast<double>(value));
  return value;
}

double parse_decimal(const Setting& setting, std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) refuse(setting, text, "a number");
  check_range(setting, text, value);
  return value;
}

bool parse_boolean(const Setting& setting, std::string_view text) {
  const std::string word = lower_case(text);
  for (const char* yes : {"true", "1", "yes", "on", "t", "y"}) {
    if (word == yes) return true;
  }
  for (const char* no : {"false", "0", "no", "off", "f", "n"}) {
    if (word == no) return false;
  }
  refuse(setting, text, "true or false");
}

// "50mb", "1 GiB", "1048576". Powers of 1024 throughout, as body parsers of the web count them.
std::int64_t parse_size(const Setting& setting, std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) refuse(setting, text, "a size such as 50mb");
  const std::string unit = lower_case(trimmed({end, text.data() + text.size()}, blanks));
  double factor = 0;
  if (unit.empty() || unit == "b") factor = 1;
  if (unit == "k" || unit == "kb" || unit == "kib") factor = 1024.0;
  if (unit == "m" || unit == "mb" || unit == "mib") factor = 1024.0 * 1024;
  if (unit == "g" || unit == "gb" || unit == "gib") factor = 1024.0 * 1024 * 1024;
  if (factor == 0) refuse(setting, text, "a size such as 50mb");
  const double bytes = std::floor(number * factor);
  check_range(setting, text, bytes);
  if (bytes > 9e15) refuse(setting, text, "a size that a machine can have");
  return static_cast<std::int64_t>(bytes);
}

// A JSON array of texts, or texts with commas between them.
std::vector<std::string> parse_list(const Setting& setting, std::string_view text) {
  std::vector<std::string> items;
  if (text.starts_with('[')) {
    boost::system::error_code error;
    const json::value parsed = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !parsed.is_array()) refuse(setting, text, "a JSON array or a list with commas");
    for (const json::value& item : parsed.get_array()) {
      if (!item.is_string()) refuse(setting, text, "a list of texts");
      items.emplace_back(item.get_string());
    }
  } else {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t comma = std::min(text.find(',', begin), text.size());
      const std::string_view item = trimmed(text.substr(begin, comma - begin), blanks);
      if (!item.empty()) items.emplace_back(item);
      begin = comma + 1;
    }
  }
  if (!setting.choices.empty()) {
    for (const std::string& item : items) {
      if (std::ranges::find(setting.choices, item) == setting.choices.end()) {
        refuse(setting, item, fmt::format("one of {}", fmt::join(setting.choices, ", ")));
      }
    }
  }
  return items;
}

std::string parse_choice(const Setting& setting, std::string_view text) {
  for (const std::string& choice : setting.choices) {
    if (same_word(choice, text)) return choice;
  }
  refuse(setting, text, fmt::format("one of {}", fmt::join(setting.choices, ", ")));
}

std::string parse_json(const Setting& setting, std::string_view text) {
  boost::system::error_code error;
  json::parse(json::string_view(text.data(), text.size()), error);
  if (error) refuse(setting, text, "valid JSON");
  return std::string(text);
}

}  // namespace

Value parse_value(const Setting& setting, std::string_view text) {
  switch (setting.kind) {
    case Kind::text:
    case Kind::secret:
    case Kind::path:
      return std::string(text);
    case Kind::boolean:
      return parse_boolean(setting, text);
    case Kind::integer:
      return parse_integer(setting, text);
    case Kind::decimal:
      return parse_decimal(setting, text);
    case Kind::size:
      return parse_size(setting, text);
    case Kind::list:
      return parse_list(setting, text);
    case Kind::choice:
      return parse_choice(setting, text);
    case Kind::json:
      return parse_json(setting, text);
  }
  return std::string(text);
}

}  // namespace ci::app
