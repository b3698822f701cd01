#include "execution/terminal_text.h"

#include <algorithm>

#include "base/utf8.h"

namespace ci::execution {

namespace {

constexpr char32_t escape = 0x1b, bell = 0x07, replacement = 0xfffd;
constexpr std::size_t most_lines = 64;            // to come back to: several progress bars below each other
constexpr std::size_t longest_control = 64;       // of parameters; longer ones are no sequences
constexpr std::size_t longest_string = 64 << 10;  // a title, an address, a small picture
constexpr std::size_t widest = 1000;              // how far right of a line's end the cursor goes
// Reading costs everybody time: who writes so much has more than a progress bar.
constexpr std::uint64_t most_read = 16 << 20;

bool is_removed_control(char32_t c) { return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f; }

bool is_plain(char c) { return c >= 0x20 && c < 0x7f; }

}  // namespace

void TerminalText::add(std::string_view bytes) {
  if (cut_) return;
  read_ += bytes.size();
  std::string joined;
  if (!unfinished_.empty()) {
    joined = std::move(unfinished_);
    joined += bytes;
    unfinished_.clear();
    bytes = joined;
  }
  const std::size_t tail = unfinished_tail(bytes);
  unfinished_ = bytes.substr(bytes.size() - tail);
  bytes.remove_suffix(tail);
  while (!bytes.empty() && !cut_) {
    const std::size_t run = static_cast<std::size_t>(std::ranges::find_if_not(bytes, is_plain) - bytes.begin());
    if (run > 0 && state_ == State::text && codes_ == Codes::applied) {
      take_plain(bytes.substr(0, run));
      bytes.remove_prefix(run);
      continue;
    }
    const Character next = first_character(bytes);
    take(next.code_point);
    bytes.remove_prefix(next.length);
  }
  if (read_ > most_read) cut_ = true;
}

std::string TerminalText::finish() {
  if (!cut_ && !unfinished_.empty()) take(replacement);
  if (state_ == State::string || state_ == State::string_escape) abandon();
  while (lines_.size() > 1) commit_first_line(true);
  commit_first_line(false);
  return std::move(text_);
}

void TerminalText::take(char32_t c) {
  if (codes_ == Codes::kept) {
    if (is_removed_control(c) && c != escape && c != '\b') {
      count(1);
    } else {
      keep(c);
    }
    return;
  }
  if (state_ == State::text) return take_text(c);
  if (c == escape && state_ != State::string) {
    // The one before was cut off.
    state_ = State::escape;
    sequence_.clear();
    return;
  }
  sequence_ += c;
  switch (state_) {
    case State::text:
      return;
    case State::escape:
      if (c == '[') {
        state_ = State::control;
      } else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
        state_ = State::string;
      } else if (c >= 0x20 && c <= 0x2f) {
        state_ = State::designation;
      } else if (c >= 0x30 && c <= 0x7e) {
        state_ = State::text;
      } else {
        abandon();
      }
      return;
    case State::designation:
      if (c >= 0x30 && c <= 0x7e) {
        state_ = State::text;
      } else if (c < 0x20 || c > 0x2f || sequence_.size() > longest_control) {
        abandon();
      }
      return;
    case State::control:
      if (c >= 0x40 && c <= 0x7e) {
        state_ = State::text;
        apply(c);
      } else if (c < 0x20 || c > 0x3f || sequence_.size() > longest_control) {
        abandon();
      }
      return;
    case State::string:
      if (c == bell) {
        state_ = State::text;
      } else if (c == escape) {
        state_ = State::string_escape;
      } else if (sequence_.size() > longest_string || (c == '\n' && sequence_.front() == ']')) {
        abandon();
      }
      return;
    case State::string_escape:
      state_ = c == '\\' ? State::text : State::string;
      return;
  }
}

// Only escape characters are taken out.
void TerminalText::abandon() {
  const std::u32string text = std::move(sequence_);
  sequence_.clear();
  state_ = State::text;
  for (const char32_t c : text) {
    if (c != escape && !cut_) take_text(c);
  }
}

void TerminalText::take_text(char32_t c) {
  if (c == escape) {
    state_ = State::escape;
    sequence_.clear();
  } else if (c == '\r') {
    ++returns_;
  } else if (c == '\n') {
    line_feed();
  } else {
    if (returns_ > 0) column_ = 0;
    returns_ = 0;
    if (c == '\b') {
      if (column_ > 0) --column_;
    } else if (is_removed_control(c)) {
      count(1);
    } else {
      write(c);
    }
  }
}

void TerminalText::take_plain(std::string_view run) {
  if (returns_ > 0) column_ = 0;
  returns_ = 0;
  std::u32string& cells = line();
  // At the end of a line, where nearly everything is written.
  if (column_ == cells.size()) {
    cells.append(run.begin(), run.end());
    column_ += run.size();
    cells_ += run.size();
    room_for_line();
  } else {
    for (const char c : run) {
      if (!cut_) write(static_cast<char32_t>(c));
    }
  }
}

void TerminalText::write(char32_t c) {
  std::u32string& cells = line();
  if (column_ > cells.size()) {
    cells_ += column_ - cells.size();
    cells.resize(column_, ' ');
  }
  if (column_ < cells.size()) {
    cells[column_] = c;
  } else {
    cells += c;
    ++cells_;
  }
  ++column_;
  room_for_line();
}

void TerminalText::line_feed() {
  if (returns_ > 0) {
    std::u32string& cells = line();
    const std::size_t before = cells.size();
    while (cells.ends_with(U'\r')) cells.pop_back();
    cells.append(returns_, '\r');
    cells_ += cells.size() - before;
  }
  returns_ = 0;
  column_ = 0;
  ++row_;
  if (row_ == lines_.size()) {
    lines_.emplace_back();
    ++cells_;  // the line feed
  }
  if (lines_.size() > most_lines) commit_first_line(true);
  room_for_line();
}

// Of what moves the cursor only what progress bars use. Clearing the whole screen takes nothing away: what was on it can be
// what the program was run for.
void TerminalText::apply(char32_t final) {
  std::size_t number = 0;
  bool given = false;
  for (const char32_t c : sequence_.substr(1, sequence_.size() - 2)) {
    if (c < '0' || c > '9') break;
    number = std::min<std::size_t>(number * 10 + (c - '0'), widest);
    given = true;
  }
  const std::size_t steps = std::max<std::size_t>(number, 1);
  if (returns_ > 0 && std::u32string_view(U"KCDGABEF").contains(final)) {
    column_ = 0;
    returns_ = 0;
  }
  std::u32string& cells = line();
  switch (final) {
    case 'K': {
      const std::size_t before = cells.size();
      if (!given || number == 0) cells.resize(std::min(cells.size(), column_));
      if (number == 1) {
        const std::size_t erased = std::min(cells.size(), column_ + 1);
        std::fill_n(cells.begin(), erased, U' ');
        read_ += erased;  // a few bytes are as much work as so many
      }
      if (number == 2) cells.clear();
      cells_ -= before - cells.size();
      break;
    }
    case 'C':
      column_ = std::min(column_ + steps, std::max(cells.size(), widest));
      break;
    case 'D':
      column_ -= std::min(column_, steps);
      break;
    case 'G':
      column_ = steps - 1;
      break;
    case 'A':
    case 'F':
      row_ -= std::min(row_, steps);
      if (final == 'F') column_ = 0;
      break;
    case 'B':
    case 'E':
      row_ = std::min(row_ + steps, lines_.size() - 1);
      if (final == 'E') column_ = 0;
      break;
    default:
      break;
  }
}

void TerminalText::room_for_line() {
  while (cells_ > limits_.characters && lines_.size() > 1 && row_ > 0 && !cut_) commit_first_line(true);
  // A line as long as all that is kept stays as it is.
  if (cells_ > limits_.characters && !cut_) {
    while (lines_.size() > 1) commit_first_line(true);
    commit_first_line(false);
  }
}

void TerminalText::commit_first_line(bool with_line_feed) {
  const std::u32string cells = std::move(lines_.front());
  lines_.pop_front();
  for (const char32_t c : cells) {
    if (cut_) break;
    keep(c);
  }
  if (with_line_feed && !cut_) keep('\n');
  cells_ -= cells.size() + (with_line_feed ? 1 : 0);
  if (row_ > 0) --row_;
  if (lines_.empty()) lines_.emplace_back();
}

void TerminalText::keep(char32_t c) {
  count(1);
  if (cut_) return;
  if (text_.size() + utf8_size(c) > limits_.bytes) {
    cut_ = true;
  } else {
    append_utf8(text_, c);
  }
}

void TerminalText::count(std::size_t characters) {
  characters_ += characters;
  if (characters_ > limits_.characters) cut_ = true;
}

}  // namespace ci::execution
