#include "execution/terminal_text.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace ci::execution {
namespace {

using Codes = TerminalText::Codes;

std::string shown(std::string_view bytes, Codes codes = Codes::applied) {
  TerminalText text(codes, {});
  text.add(bytes);
  return text.finish();
}

// The same, a byte at a time.
std::string dripped(std::string_view bytes) {
  TerminalText text(Codes::applied, {});
  for (const char byte : bytes) text.add(std::string_view(&byte, 1));
  return text.finish();
}

struct Cleaned {
  std::string_view bytes, text;
};

TEST(TerminalText, IsWhatATerminalShows) {
  const Cleaned rows[] = {
      {"", ""},
      {"plain\ntext\n", "plain\ntext\n"},
      // Colours, titles, links, character sets.
      {"\x1b[31mred\x1b[0m \x1b[1;38;5;208mbold\x1b[m", "red bold"},
      {"\x1b]0;title\atext", "text"},
      {"\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"},
      {"\x1b(B\x1b[?25lhidden cursor\x1b[?25h\x1b=\x1b>", "hidden cursor"},
      {"\x1bP1$r0m\x1b\\after", "after"},
      // Lines that are rewritten.
      {"  1%\r 50%\r100%\n", "100%\n"},
      {"longer line\rshort", "shortr line"},
      {"longer line\r\x1b[Kshort", "short"},
      {"longer line\x1b[2K\rshort", "short"},
      {"loading |\b/\b-\bdone", "loading done"},
      {"\xe2\x96\x88\xe2\x96\x88  \r\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\n", "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88 \n"},
      {"abc\x1b[2DX", "aXc"},
      {"abc\x1b[1GX", "Xbc"},
      {"\x1b[3Cx", "   x"},
      // Two bars below each other.
      {"one 1%\ntwo 1%\x1b[1A\rone 9%\n\rtwo 9%\n", "one 9%\ntwo 9%\n"},
      // The ends of lines of other systems are text.
      {"a\r\nb\r\n", "a\r\nb\r\n"},
      {"a\r\r\nb", "a\r\r\nb"},
      {"1%\r2%\r\n", "2%\r\n"},
      // What was on the screen can be what the program was run for.
      {"result\n\x1b[2J\x1b[Hnext", "result\nnext"},
      // No sequences.
      {"\x1b\nline", "\nline"},
      {"\x1b[12\nline", "[12\nline"},
      {"\x1b]no end\nline", "]no end\nline"},
      {"cut off\x1b[3", "cut off"},
      {"cut off\x1b]title", "cut off]title"},
      // Broken text.
      {"a\xff\xfe", "a\xef\xbf\xbd\xef\xbf\xbd"},
      {"a\xe6\x97", "a\xef\xbf\xbd"},
  };
  for (const Cleaned& row : rows) {
    EXPECT_EQ(shown(row.bytes), row.text) << row.bytes;
    EXPECT_EQ(dripped(row.bytes), row.text) << row.bytes;
  }
}

TEST(TerminalText, TenThousandStepsOfABarAreOneLine) {
  TerminalText text(Codes::applied, {1000, 1000});
  for (int i = 1; i <= 10000; ++i) text.add(fmt::format("\r{:3}%|{:80}| {}/10000", i / 100, "#", i));
  text.add("\nready\n");
  EXPECT_EQ(text.finish(), fmt::format("100%|{:80}| 10000/10000\nready\n", "#"));
  EXPECT_FALSE(text.cut());
}

TEST(TerminalText, ManyBarsAreOneLineEach) {
  TerminalText text(Codes::applied, {1000, 1000});
  for (int i = 0; i < 5000; ++i) text.add(fmt::format("\router {0}\n\rinner {0}\x1b[A", i));
  EXPECT_EQ(text.finish(), "outer 4999\ninner 4999");
  EXPECT_FALSE(text.cut());
}

TEST(TerminalText, IsCutAtItsLimits) {
  const auto cut = [](std::string_view bytes, TextLimits limits) {
    TerminalText text(Codes::applied, limits);
    text.add(bytes);
    std::string kept = text.finish();
    return std::pair(std::move(kept), text.cut());
  };
  using Result = std::pair<std::string, bool>;
  EXPECT_EQ(cut("12345", {5, 100}), Result("12345", false));
  EXPECT_EQ(cut("123456", {5, 100}), Result("12345", true));
  EXPECT_EQ(cut("123456\r12", {5, 100}), Result("12345", true));
  EXPECT_EQ(cut("12\n34\n56\n", {5, 100}), Result("12\n34", true));
  EXPECT_EQ(cut("\xc3\xbc\xc3\xbc", {5, 3}), Result("\xc3\xbc", true));
  EXPECT_EQ(cut("\x1b[31m12345\x1b[0m", {5, 100}), Result("12345", false));
}

TEST(TerminalText, DoesNotReadForEver) {
  TerminalText text(Codes::applied, {});
  const std::string piece(1 << 20, '\r');
  for (int i = 0; i < 20; ++i) text.add(piece);
  EXPECT_EQ(text.finish(), "");
  EXPECT_TRUE(text.cut());
}

TEST(TerminalText, ErasesNoLongerThanItReads) {
  TerminalText text(Codes::applied, {});
  text.add(std::string(60000, 'x'));
  int erasures = 0;
  for (; !text.cut() && erasures < 1000000; ++erasures) text.add("\x1b[1K");
  EXPECT_GT(erasures, 100);  // a progress bar has a hundred of so long a line
  EXPECT_LT(erasures, 1000);
}

TEST(TerminalText, CanBeLeftAsItIs) {
  EXPECT_EQ(shown("\x1b[31mred\x1b[0m\r50%\r100%\b\a", Codes::kept), "\x1b[31mred\x1b[0m\r50%\r100%\b");
}

}  // namespace
}  // namespace ci::execution
