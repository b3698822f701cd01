#include "app/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "access/api_keys.h"
#include "app/env_file.h"
#include "base/failure.h"
#include "base/log.h"
#include "store/open.h"

namespace ci::app {

namespace {

namespace json = boost::json;

constexpr size_t shortest_key = 16;

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return result;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

[[noreturn]] void refuse(const Setting& setting, std::string_view text, std::string_view wanted) {
  const std::string shown = setting.hidden ? "this value" : fmt::format("\"{}\"", text);
  throw Failure(FailureKind::invalid, fmt::format("{}: {} is not {}", setting.name, shown, wanted));
}

std::string range_text(const Setting& setting) {
  if (setting.highest < setting.lowest) return fmt::format("{} or more", setting.lowest);
  return fmt::format("{} to {}", setting.lowest, setting.highest);
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
  const std::string word = lower(text);
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
  const std::string unit = lower(trimmed({end, text.data() + text.size()}));
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
      const std::string_view item = trimmed(text.substr(begin, comma - begin));
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
    if (lower(choice) == lower(text)) return choice;
  }
  refuse(setting, text, fmt::format("one of {}", fmt::join(setting.choices, ", ")));
}

std::string parse_json(const Setting& setting, std::string_view text) {
  boost::system::error_code error;
  json::parse(json::string_view(text.data(), text.size()), error);
  if (error) refuse(setting, text, "valid JSON");
  return std::string(text);
}

// What one row cannot check alone.
void check_together(const Settings& values, std::vector<std::string>& problems) {
  const auto check_key = [&](const char* name, const std::string& key) {
    if (key.size() < shortest_key) {
      problems.push_back(
          fmt::format("{}: a key must have at least {} characters; this one has {}", name, shortest_key, key.size()));
    }
  };
  if (!values.api_key.empty()) check_key("API_KEY", access::named_key(values.api_key).key);
  for (const std::string& key : values.api_keys) check_key("API_KEYS", access::named_key(key).key);
  if (values.request_bytes < values.file_bytes) {
    problems.emplace_back("MAX_TOTAL_FILE_SIZE_MB: must not be below MAX_FILE_SIZE_MB");
  }
  if (values.https && (values.certificate_file.empty() || values.key_file.empty())) {
    problems.emplace_back("ENABLE_HTTPS: needs SSL_CERT_FILE and SSL_KEY_FILE");
  }
  if (values.redis.chosen()) {
    try {
      store::check_settings(values.redis);
    } catch (const Failure& failure) {
      problems.emplace_back(failure.what());
    }
  }
  if (values.s3.chosen()) {
    if (const auto problem = store::s3::problem_of(values.s3)) problems.push_back(*problem);
  }
}

std::optional<LoadedSettings::Entry> find_entry(const Setting& setting, const Variables& variables, Origin origin) {
  const auto look = [&](const std::string& name) -> std::optional<LoadedSettings::Entry> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    const std::string text(trimmed(found->second));
    if (text.empty() && !setting.empty_counts) return std::nullopt;
    return LoadedSettings::Entry{text, origin, name};
  };
  if (auto entry = look(setting.name)) return entry;
  for (const std::string& alias : setting.aliases) {
    if (auto entry = look(alias)) return entry;
  }
  return std::nullopt;
}

std::string_view name_of(Origin origin) {
  switch (origin) {
    case Origin::initial:
      return "default";
    case Origin::file:
      return ".env";
    case Origin::environment:
      return "environment";
  }
  return "default";
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "text";
    case Kind::secret:
      return "secret";
    case Kind::path:
      return "path";
    case Kind::boolean:
      return "boolean";
    case Kind::integer:
      return "integer";
    case Kind::decimal:
      return "number";
    case Kind::size:
      return "size";
    case Kind::list:
      return "list";
    case Kind::choice:
      return "choice";
    case Kind::json:
      return "JSON";
  }
  return "text";
}

std::string shown(const Setting& setting, const std::string& text) {
  if (setting.hidden && !text.empty()) return "(set)";
  return text;
}

// Values that a row accepts, for people: "1 to 65535", "json, text, console"; empty when the kind says it all.
std::string accepted(const Setting& setting) {
  switch (setting.kind) {
    case Kind::integer:
    case Kind::decimal:
      return range_text(setting);
    case Kind::choice:
      return fmt::format("{}", fmt::join(setting.choices, ", "));
    case Kind::list:
      if (!setting.choices.empty()) return fmt::format("any of {}", fmt::join(setting.choices, ", "));
      return "list";
    case Kind::boolean:
      return "true or false";
    case Kind::size:
      return "size";
    case Kind::json:
      return "JSON";
    default:
      return "";
  }
}

// `text` broken into lines of at most `width` at its spaces, each after `indent` spaces.
std::string wrapped(std::string_view text, size_t indent, size_t width) {
  std::string result;
  while (!text.empty()) {
    size_t end = text.size();
    if (end > width) {
      end = text.rfind(' ', width);
      if (end == text.npos || end == 0) end = std::min(text.find(' '), text.size());
    }
    result += std::string(indent, ' ');
    result += text.substr(0, end);
    result += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

}  // namespace

Variables variables_of(const char* const* environment) {
  Variables variables;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const size_t equals = entry.find('=');
    if (equals == entry.npos || equals == 0) continue;
    const std::string_view name = entry.substr(0, equals);
    const std::string key = upper(name);
    const std::string value(entry.substr(equals + 1));
    if (name == key) {
      variables[key] = value;
    } else {
      variables.emplace(key, value);
    }
  }
  return variables;
}

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

LoadedSettings load_settings(const Variables& environment, const Variables& file) {
  LoadedSettings loaded;
  std::vector<std::string> problems;
  for (const Setting& setting : settings_table()) {
    LoadedSettings::Entry entry{setting.initial, Origin::initial, {}};
    if (auto found = find_entry(setting, environment, Origin::environment)) {
      entry = *found;
    } else if (auto in_file = find_entry(setting, file, Origin::file)) {
      entry = *in_file;
    }
    const bool nothing = entry.text.empty() && setting.kind != Kind::text && setting.kind != Kind::path;
    if (!nothing) {
      try {
        const Value value = parse_value(setting, entry.text);
        if (setting.apply) setting.apply(loaded.values, value);
      } catch (const Failure& failure) {
        problems.emplace_back(failure.what());
      }
    }
    loaded.entries.push_back(std::move(entry));
  }
  // An empty key is a mistake of whoever meant to pass one on: only without the variable is a key made.
  if (loaded.values.api_key.empty() && loaded.values.api_keys.empty() && (environment.contains("API_KEY") || file.contains("API_KEY"))) {
    problems.emplace_back("API_KEY: is empty; give a key of at least 16 characters, or remove the variable to have one made");
  }
  if (problems.empty()) check_together(loaded.values, problems);
  if (!problems.empty()) throw Failure(FailureKind::invalid, fmt::format("{}", fmt::join(problems, "\n")));
  return loaded;
}

LoadedSettings load_settings() {
  Variables file;
  std::vector<int> skipped;
  std::ifstream stream(".env", std::ios::binary);
  if (stream) {
    std::ostringstream text;
    text << stream.rdbuf();
    const EnvFile parsed = parse_env_file(text.str());
    for (const auto& [name, value] : parsed.entries) file[upper(name)] = value;
    skipped = parsed.unreadable_lines;
    if (!parsed.open_quotes.empty()) {
      throw Failure(
          FailureKind::invalid, fmt::format(".env: the quote in line {} does not end", fmt::join(parsed.open_quotes, ", ")));
    }
  } else if (errno != ENOENT) {
    throw Failure::from_errno(errno, "reading .env");
  }
  LoadedSettings loaded = load_settings(variables_of(environ), file);
  loaded.skipped_lines = std::move(skipped);
  return loaded;
}

namespace {

// A .env of a program whose store is on localhost unless told otherwise names no host: taken over, it would quietly keep
// everything on this machine's disk.
void warn_of_idle_group(const LoadedSettings& settings, std::string_view group, const char* event, const char* how) {
  std::vector<std::string_view> names;
  for (size_t row = 0; row < settings.entries.size(); ++row) {
    const std::string& name = settings.entries[row].name;
    // Those of AWS are on many machines for other programs.
    if (settings_table()[row].group == group && !name.empty() && !name.starts_with("AWS_")) names.push_back(name);
  }
  if (!names.empty()) log_warning(event, {{"settings", fmt::format("{}", fmt::join(names, " "))}, {"to_use_them", how}});
}

}  // namespace

void log_remarks(const LoadedSettings& settings) {
  if (!settings.values.redis.chosen()) {
    warn_of_idle_group(settings, "Redis", "redis is NOT used, records are kept on this machine", "set REDIS_HOST or REDIS_URL");
  }
  if (!settings.values.s3.chosen()) {
    warn_of_idle_group(settings, "Object storage", "s3 is NOT used, files are kept on this machine", "set MINIO_ENDPOINT");
  }
  for (const int line : settings.skipped_lines) {
    log_warning("line of .env is not NAME=value and is skipped", {{"line", line}});
  }
  for (size_t row = 0; row < settings.entries.size(); ++row) {
    const Setting& setting = settings_table()[row];
    if (setting.no_effect.empty() || settings.entries[row].origin == Origin::initial) continue;
    log_info("setting has no effect", {{"name", setting.name}, {"reason", setting.no_effect}});
  }
}

std::string describe_settings(const LoadedSettings& settings) {
  std::string text =
      "Settings are environment variables; a .env file in the working directory is read too, the environment wins.\n";
  std::string group;
  for (size_t row = 0; row < settings.entries.size(); ++row) {
    const Setting& setting = settings_table()[row];
    const LoadedSettings::Entry& entry = settings.entries[row];
    if (setting.group != group) {
      group = setting.group;
      text += fmt::format("\n{}\n\n", group);
    }
    text += fmt::format("  {} = {}", setting.name, shown(setting, entry.text));
    if (entry.origin != Origin::initial) {
      text += fmt::format(
          "   [{}; default: {}]", name_of(entry.origin), setting.initial.empty() ? "not set" : setting.initial);
    }
    text += '\n';
    std::string meaning = setting.meaning;
    if (const std::string values = accepted(setting); !values.empty()) meaning += fmt::format(" ({})", values);
    if (!setting.aliases.empty()) meaning += fmt::format(" Also: {}.", fmt::join(setting.aliases, ", "));
    if (!setting.no_effect.empty()) meaning += fmt::format(" No effect: {}.", setting.no_effect);
    text += wrapped(meaning, 6, 100);
  }
  return text;
}

std::string describe_settings_json(const LoadedSettings& settings) {
  json::array rows;
  for (size_t row = 0; row < settings.entries.size(); ++row) {
    const Setting& setting = settings_table()[row];
    const LoadedSettings::Entry& entry = settings.entries[row];
    json::object item;
    item["name"] = setting.name;
    item["group"] = setting.group;
    item["kind"] = name_of(setting.kind);
    item["default"] = shown(setting, setting.initial);
    item["value"] = shown(setting, entry.text);
    item["origin"] = name_of(entry.origin);
    item["meaning"] = setting.meaning;
    if (const std::string values = accepted(setting); !values.empty()) item["accepted"] = values;
    if (!setting.aliases.empty()) {
      json::array aliases;
      for (const std::string& alias : setting.aliases) aliases.emplace_back(alias);
      item["aliases"] = std::move(aliases);
    }
    item["effect"] = setting.no_effect.empty();
    if (!setting.no_effect.empty()) item["no_effect"] = setting.no_effect;
    rows.emplace_back(std::move(item));
  }
  return json::serialize(rows) + "\n";
}

}  // namespace ci::app
