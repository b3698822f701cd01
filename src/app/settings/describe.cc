// The settings in force, for people and programs.

#include <fmt/format.h>

#include <boost/json.hpp>

#include "app/settings/settings.h"

namespace ci::app {

namespace json = boost::json;

namespace {

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
