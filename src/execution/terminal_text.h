#pragma once
// What a terminal would show of a stream: escape sequences (colours, titles, links) are not there, a line that is
// rewritten keeps its last form, a bad byte is U+FFFD. Fed piece by piece, since a progress bar is far longer than what is
// left of it. Pure.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace ci::execution {

struct TextLimits {
  std::size_t characters = 65536;  // control characters that are left out count, escape sequences do not
  std::size_t bytes = 1 << 20;     // of the text as UTF-8
};

class TerminalText {
 public:
  enum class Codes {
    applied,
    kept,  // they are text, and so are carriage returns and backspaces
  };
  TerminalText(Codes codes, TextLimits limits) : codes_(codes), limits_(limits) {}

  void add(std::string_view bytes);
  // All of it, or the beginning when it is longer than the limits; called once, after the last piece. Line feeds, tabs and the
  // carriage returns in front of line feeds are the only control characters in it when codes are applied.
  std::string finish();
  // After finish(): the beginning is not all.
  bool cut() const { return cut_; }

 private:
  enum class State { text, escape, control, designation, string, string_escape };

  void take(char32_t c);
  void take_text(char32_t c);
  void take_plain(std::string_view run);
  void line_feed();
  void write(char32_t c);
  void apply(char32_t final);  // of a control sequence
  void abandon();              // what began like an escape sequence is none
  void room_for_line();
  void commit_first_line(bool with_line_feed);
  void keep(char32_t c);
  void count(std::size_t characters);
  std::u32string& line() { return lines_[row_]; }

  Codes codes_;
  TextLimits limits_;
  std::string text_;                     // what cannot change any more
  std::size_t characters_ = 0;           // of it, and those left out
  std::deque<std::u32string> lines_{1};  // that the program can still come back to
  std::size_t row_ = 0, column_ = 0, cells_ = 0;
  std::size_t returns_ = 0;  // carriage returns just now: a line feed after them makes them the end of a line
  State state_ = State::text;
  std::u32string sequence_;  // since its escape character
  std::string unfinished_;   // character
  std::uint64_t read_ = 0;
  bool cut_ = false;  // then nothing more is looked at
};

}  // namespace ci::execution
