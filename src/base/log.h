#pragma once
// Log lines are events for an operator: a lower-case phrase, then key=value pairs. Never code, file contents,
// state or secrets. Thread-safe. Goes to stderr until configure_log() says otherwise.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ci {

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { json, text };

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

// `file` empty: stderr. With a file, it rotates at `file_megabytes`, keeping `file_backups` older ones.
struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::json;
  std::string file;
  int file_megabytes = 100;
  int file_backups = 5;
};
void configure_log(const LogSettings& settings);

void log(LogLevel level, std::string_view event, LogFields fields = {});
bool log_enabled(LogLevel level);

inline void log_debug(std::string_view event, LogFields fields = {}) { log(LogLevel::debug, event, fields); }
inline void log_info(std::string_view event, LogFields fields = {}) { log(LogLevel::info, event, fields); }
inline void log_warning(std::string_view event, LogFields fields = {}) { log(LogLevel::warning, event, fields); }
inline void log_error(std::string_view event, LogFields fields = {}) { log(LogLevel::error, event, fields); }

}  // namespace ci
