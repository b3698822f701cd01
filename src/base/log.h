#pragma once
// Log lines are events for an operator: a lower-case phrase, then key=value pairs. Never code, file contents,
// state or secrets. Thread-safe. Goes to stderr until configure_log() says otherwise.

#include <charconv>
#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ci {

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { json, text };

// A text, or a number, which stays one in JSON.
class LogValue {
 public:
  LogValue(std::string_view text) : text_(text) {}
  template <class Text>
    requires std::convertible_to<Text, std::string>  // a path, too
  LogValue(Text&& text) : text_(as_text(std::forward<Text>(text))) {}
  template <class Number>
    requires(std::integral<Number> || std::floating_point<Number>) && (!std::same_as<Number, bool>)
  LogValue(Number number) : is_number_(true) {
    char digits[32];
    text_.assign(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  }

  const std::string& text() const { return text_; }
  bool is_number() const { return is_number_; }

 private:
  static std::string as_text(std::string text) { return text; }

  std::string text_;
  bool is_number_ = false;
};

// Of a "session_id" only the beginning is written: who knows all of it has what is in the session.
using LogFields = std::initializer_list<std::pair<std::string_view, LogValue>>;

enum class LogTarget { errors, output, file };  // stderr, stdout, `file`

// A file rotates at `file_megabytes`, keeping `file_backups` older ones.
struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::json;
  LogTarget target = LogTarget::errors;
  std::string logger = "kubecoderun";  // which of our processes
  std::string version;
  std::string file;
  int file_megabytes = 100;
  int file_backups = 5;
};
// A file that cannot be opened fails as `invalid`.
void configure_log(const LogSettings& settings);
LogFormat log_format();

void log(LogLevel level, std::string_view event, LogFields fields = {});
bool log_enabled(LogLevel level);

inline void log_debug(std::string_view event, LogFields fields = {}) { log(LogLevel::debug, event, fields); }
inline void log_info(std::string_view event, LogFields fields = {}) { log(LogLevel::info, event, fields); }
inline void log_warning(std::string_view event, LogFields fields = {}) { log(LogLevel::warning, event, fields); }
inline void log_error(std::string_view event, LogFields fields = {}) { log(LogLevel::error, event, fields); }

}  // namespace ci
