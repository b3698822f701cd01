#include "execution/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "execution/white_space.h"

namespace ci::execution {

namespace {

constexpr std::string_view cut_note = "\n[Output truncated - size limit exceeded]";

std::string_view without_trailing_space(std::string_view text) {
  while (const std::size_t size = white_space_at_back(text)) text.remove_suffix(size);
  return text;
}

// An indented first line keeps its indentation: file tools read files through stdout.
std::string_view without_leading_blank_lines(std::string_view text) {
  for (;;) {
    const std::size_t end = text.find('\n');
    if (end == text.npos || !is_blank(text.substr(0, end))) return text;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string shape_output(std::string text, bool cut, pool::Stream stream) {
  if (cut) text += cut_note;
  std::string shaped(without_leading_blank_lines(without_trailing_space(text)));
  if (stream == pool::Stream::out && !shaped.empty()) shaped += '\n';
  return shaped;
}

std::string explain(std::string shaped_err, const pool::Outcome& outcome, std::chrono::milliseconds limit) {
  const auto add_line = [&](std::string_view line) { shaped_err = with_line(std::move(shaped_err), line); };
  switch (outcome.ended) {
    case pool::Ended::exited:
      if (outcome.exit_code != 0 && shaped_err.empty()) {
        add_line(fmt::format("Code execution failed with exit code {}", outcome.exit_code));
      }
      break;
    case pool::Ended::signalled:
      add_line("Process terminated by signal " + signal_name(outcome.signal));
      break;
    case pool::Ended::timed_out:
      if (outcome.while_compiling) {
        const auto spent = std::chrono::floor<std::chrono::seconds>(outcome.wall_time);
        add_line(fmt::format("Compilation timed out after {} seconds", spent.count()));
        break;
      }
      add_line(
          fmt::format("Execution timed out after {} seconds", std::chrono::ceil<std::chrono::seconds>(limit).count()));
      break;
    case pool::Ended::out_of_memory:
      add_line(fmt::format(
          "Out of memory: the {} needed more than its memory limit", outcome.while_compiling ? "compiler" : "program"));
      break;
    case pool::Ended::lost:
      add_line("Execution failed: the sandbox was lost while the program ran");
      break;
    case pool::Ended::interrupted:
      add_line("Execution was interrupted");
      break;
  }
  return shaped_err;
}

std::string with_line(std::string shaped_err, std::string_view line) {
  if (!line.empty() && !shaped_err.empty()) shaped_err += '\n';
  return shaped_err.append(line);
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "SIG" + std::to_string(signal);
}

}  // namespace ci::execution
