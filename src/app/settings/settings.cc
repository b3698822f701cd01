#include "app/settings/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "access/api_keys.h"
#include "app/settings/env_file.h"
#include "base/ascii.h"
#include "base/failure.h"
#include "base/log.h"
#include "store/open.h"

namespace ci::app {

namespace {

constexpr size_t shortest_key = 16;

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return result;
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

// Whoever raises the limit of a file means that such a file can be sent.
void follow(LoadedSettings& loaded) {
  const auto& table = settings_table();
  const auto total = std::ranges::find(table, std::string_view("MAX_TOTAL_FILE_SIZE_MB"), &Setting::name);
  LoadedSettings::Entry& entry = loaded.entries[static_cast<std::size_t>(total - table.begin())];
  if (entry.origin != Origin::initial || loaded.values.request_bytes >= loaded.values.file_bytes) return;
  loaded.values.request_bytes = loaded.values.file_bytes;
  entry.text = std::to_string(loaded.values.file_bytes >> 20);
}

std::optional<LoadedSettings::Entry> find_entry(const Setting& setting, const Variables& variables, Origin origin) {
  const auto look = [&](const std::string& name) -> std::optional<LoadedSettings::Entry> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    const std::string text(trimmed(found->second, " \t\r\n"));
    if (text.empty() && !setting.empty_counts) return std::nullopt;
    return LoadedSettings::Entry{text, origin, name};
  };
  if (auto entry = look(setting.name)) return entry;
  for (const std::string& alias : setting.aliases) {
    if (auto entry = look(alias)) return entry;
  }
  return std::nullopt;
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
    if (entry.origin != Origin::initial && setting.name.starts_with("K8S_")) loaded.values.kubernetes_chosen = true;
    loaded.entries.push_back(std::move(entry));
  }
  // An empty key is a mistake of whoever meant to pass one on: only without the variable is a key made.
  if (loaded.values.api_key.empty() && loaded.values.api_keys.empty() &&
      (environment.contains("API_KEY") || file.contains("API_KEY"))) {
    problems.emplace_back(
        "API_KEY: is empty; give a key of at least 16 characters, or remove the variable to have one made");
  }
  if (problems.empty()) {
    follow(loaded);
    check_together(loaded.values, problems);
  }
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
          FailureKind::invalid,
          fmt::format(".env: the quote in line {} does not end", fmt::join(parsed.open_quotes, ", ")));
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
    // Those of AWS and of kubectl are on many machines for other programs.
    const bool is_of_others = name.starts_with("AWS_") || name == "KUBECONFIG" || name == "EXECUTOR";
    if (settings_table()[row].group == group && !name.empty() && !is_of_others) names.push_back(name);
  }
  if (!names.empty())
    log_warning(event, {{"settings", fmt::format("{}", fmt::join(names, " "))}, {"to_use_them", how}});
}

}  // namespace

void log_remarks(const LoadedSettings& settings, bool pods) {
  if (!settings.values.redis.chosen()) {
    warn_of_idle_group(
        settings, "Redis", "redis is NOT used, records are kept on this machine", "set REDIS_HOST or REDIS_URL");
  }
  if (!settings.values.s3.chosen()) {
    warn_of_idle_group(
        settings, "Object storage", "s3 is NOT used, files are kept on this machine", "set MINIO_ENDPOINT");
  }
  if (!pods) {
    warn_of_idle_group(
        settings, "Kubernetes", "pods are NOT used, programs run in sandboxes of this machine",
        "set EXECUTOR=kubernetes");
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

}  // namespace ci::app
