#include "base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>

#include "base/failure.h"
#include "base/utf8.h"

namespace ci {

namespace {

constexpr std::string_view service = "kubecoderun-api";
constexpr size_t session_characters = 12;

struct State {
  LogFormat format = LogFormat::text;
  std::string name;  // what each JSON line says of us
  std::shared_ptr<spdlog::logger> logger;
};

State& state() {
  static State instance = [] {
    State initial;
    initial.logger = std::make_shared<spdlog::logger>("kubecoderun", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    initial.logger->set_pattern("%v");
    return initial;
  }();
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

std::string now_text() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
      now.time_since_epoch().count() % 1000);
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  const bool readable = is_utf8(text);
  for (char c : text) {
    if (!readable && static_cast<unsigned char>(c) >= 0x80) c = '?';
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

// A value from outside must not start a line of its own in the readable form either.
void append_text_value(std::string& out, std::string_view text) {
  if (text.find_first_of(" \t\r\n\"") == std::string_view::npos && !text.empty()) {
    out += text;
  } else {
    append_json_string(out, text);
  }
}

// Its directory must let us rename it.
bool may_rotate(const LogSettings& settings) {
  const std::string directory = std::filesystem::absolute(settings.file).parent_path().string();
  return ::access(directory.c_str(), W_OK) == 0 || errno == ENOENT;  // which is made then
}

spdlog::sink_ptr open_sink(const LogSettings& settings) {
  switch (settings.target) {
    case LogTarget::errors:
      return std::make_shared<spdlog::sinks::stderr_sink_mt>();
    case LogTarget::output:
      return std::make_shared<spdlog::sinks::stdout_sink_mt>();
    case LogTarget::file:
      break;
  }
  try {
    if (!may_rotate(settings)) return std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file);
    return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
        settings.file, static_cast<size_t>(settings.file_megabytes) << 20, static_cast<size_t>(settings.file_backups));
  } catch (const spdlog::spdlog_ex& error) {
    throw Failure(FailureKind::invalid, error.what());
  }
}

std::string_view shown(std::string_view key, const LogValue& value) {
  const std::string_view text = value.text();
  return key == "session_id" ? text.substr(0, session_characters) : text;
}

}  // namespace

void configure_log(const LogSettings& settings) {
  State& current = state();
  spdlog::sink_ptr sink = open_sink(settings);
  current.format = settings.format;
  current.name = fmt::format(",\"service\":\"{}\",\"logger\":", service);
  append_json_string(current.name, settings.logger);
  current.name += ",\"version\":";
  append_json_string(current.name, settings.version);
  current.logger = std::make_shared<spdlog::logger>("kubecoderun", std::move(sink));
  current.logger->set_pattern("%v");
  current.logger->set_level(to_spdlog(settings.level));
  current.logger->flush_on(spdlog::level::info);
  if (settings.target == LogTarget::file && !may_rotate(settings)) {
    log_warning("the log file is not rotated: the server may not write to its directory", {{"file", settings.file}});
  }
}

LogFormat log_format() { return state().format; }

bool log_enabled(LogLevel level) { return state().logger->should_log(to_spdlog(level)); }

void log(LogLevel level, std::string_view event, LogFields fields) {
  if (!log_enabled(level)) return;
  std::string line;
  if (state().format == LogFormat::json) {
    line += "{\"event\":";
    append_json_string(line, event);
    line += fmt::format(",\"level\":\"{}\",\"timestamp\":\"{}\"", name_of(level), now_text());
    line += state().name;
    for (const auto& [key, value] : fields) {
      line += ',';
      append_json_string(line, key);
      line += ':';
      if (value.is_number())
        line += value.text();
      else
        append_json_string(line, shown(key, value));
    }
    line += '}';
  } else {
    line += fmt::format("{} {:<7} {}", now_text(), name_of(level), event);
    for (const auto& [key, value] : fields) {
      line += fmt::format(" {}=", key);
      append_text_value(line, shown(key, value));
    }
  }
  state().logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace ci
