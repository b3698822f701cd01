// What a client reads of a program's output. Pure functions.

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "base/white_space.h"
#include "execution/execution.h"
#include "execution/text.h"

namespace ci::execution {

namespace {

constexpr std::string_view cut_note = "\n[Output truncated - size limit exceeded]";

bool is_removed_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

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

std::string shape_output(std::string_view raw, bool cut, std::size_t limit, pool::Stream stream) {
  std::string text;
  text.reserve(std::min(raw.size(), 4 * limit) + cut_note.size() + 1);
  std::size_t characters = 0;
  while (!raw.empty() && characters < limit) {
    const Character next = first_character(raw);
    if (next.unfinished && cut) break;  // we cut it in the middle, not the program
    if (!next.valid) {
      text += replacement_character;
    } else if (!is_removed_control(raw[0])) {
      text += raw.substr(0, next.length);
    }
    raw.remove_prefix(next.length);
    ++characters;
  }
  if (cut || !raw.empty()) text += cut_note;

  std::string shaped(without_leading_blank_lines(without_trailing_space(text)));
  if (stream == pool::Stream::out && !shaped.empty()) shaped += '\n';
  return shaped;
}

std::string explain(std::string shaped_err, const pool::Outcome& outcome, std::chrono::milliseconds limit) {
  const auto add_line = [&](std::string_view line) {
    if (!shaped_err.empty()) shaped_err += '\n';
    shaped_err += line;
  };
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
      add_line(fmt::format("Out of memory: the {} needed more than its memory limit", outcome.while_compiling ? "compiler" : "program"));
      break;
    case pool::Ended::lost:
      add_line("Execution failed: the sandbox was lost while the program ran");
      break;
  }
  return shaped_err;
}

std::string explain_unmounted(std::string shaped_err, const std::vector<std::string>& names, std::uint64_t bytes) {
  constexpr std::size_t most_told = 10;
  std::string reason = "there is no room for it in /mnt/data";
  if (bytes > 0) reason = fmt::format("/mnt/data holds at most {} MB", bytes >> 20);
  for (std::size_t i = 0; i < std::min(names.size(), most_told); ++i) {
    if (!shaped_err.empty()) shaped_err += '\n';
    std::string name = names[i];
    std::ranges::replace_if(name, [](char c) { return is_removed_control(c) || c == '\n' || c == '\r'; }, '?');
    shaped_err += fmt::format("file \"{}\" was not mounted: {}", name, reason);
  }
  if (names.size() > most_told) shaped_err += fmt::format("\nnor were {} other files", names.size() - most_told);
  return shaped_err;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "SIG" + std::to_string(signal);
}

}  // namespace ci::execution
