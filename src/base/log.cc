#include "base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>

#include "base/failure.h"

namespace ci {

namespace {

struct State {
  LogFormat format = LogFormat::text;
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
  for (const char c : text) {
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

}  // namespace

void configure_log(const LogSettings& settings) {
  State& current = state();
  current.format = settings.format;
  spdlog::sink_ptr sink;
  bool rotates = true;
  if (settings.file.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    const std::string directory = std::filesystem::absolute(settings.file).parent_path().string();
    rotates = ::access(directory.c_str(), W_OK) == 0;
    try {
      if (rotates) {
        sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
            settings.file, static_cast<size_t>(settings.file_megabytes) << 20, static_cast<size_t>(settings.file_backups));
      } else {
        sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file);
      }
    } catch (const spdlog::spdlog_ex& error) {
      throw Failure(FailureKind::invalid, fmt::format("LOG_FILE: {}", error.what()));
    }
  }
  current.logger = std::make_shared<spdlog::logger>("kubecoderun", std::move(sink));
  current.logger->set_pattern("%v");
  current.logger->set_level(to_spdlog(settings.level));
  current.logger->flush_on(spdlog::level::info);
  if (!rotates) log_warning("the log file is not rotated: the server may not write to its directory", {{"file", settings.file}});
}

bool log_enabled(LogLevel level) { return state().logger->should_log(to_spdlog(level)); }

void log(LogLevel level, std::string_view event, LogFields fields) {
  if (!log_enabled(level)) return;
  std::string line;
  if (state().format == LogFormat::json) {
    line += "{\"event\":";
    append_json_string(line, event);
    line += fmt::format(",\"level\":\"{}\",\"timestamp\":\"{}\",\"service\":\"kubecoderun\"", name_of(level), now_text());
    for (const auto& [key, value] : fields) {
      line += ',';
      append_json_string(line, key);
      line += ':';
      append_json_string(line, value);
    }
    line += '}';
  } else {
    line += fmt::format("{} {:<7} {}", now_text(), name_of(level), event);
    for (const auto& [key, value] : fields) {
      line += fmt::format(" {}=", key);
      append_text_value(line, value);
    }
  }
  state().logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace ci
