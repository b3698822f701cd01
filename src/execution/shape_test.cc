#include <gtest/gtest.h>

#include "execution/shape.h"
#include "execution/terminal_text.h"

namespace ci::execution {
namespace {

using pool::Ended;
using pool::Outcome;
using pool::Stream;

std::string shaped(std::string_view raw, std::size_t limit = 65536, Stream stream = Stream::out) {
  TerminalText text(TerminalText::Codes::applied, {limit, 1 << 20});
  text.add(raw);
  std::string reduced = text.finish();
  return shape_output(std::move(reduced), text.cut(), stream);
}

struct Row {
  std::string_view raw, shaped;
};

TEST(ShapeOutput, FollowsTheRulesOfTheContract) {
  const Row rows[] = {
      {"", ""},
      {"   \n\t\n", ""},
      {"text", "text\n"},
      {"text\n", "text\n"},
      {"text\n\n\n", "text\n"},
      {"text  \t \n", "text\n"},
      {"\n\n  \n    indented\n  less\n", "    indented\n  less\n"},
      {"\r\n  x", "  x\n"},
      {"a\n\n\nb", "a\n\n\nb\n"},
      {"tab\tand\r\nreturn", "tab\tand\r\nreturn\n"},
      {std::string_view("bell\a null\0 escape\x1b[0m del\x7f ff\f vt\v", 35), "bell null escape del ff vt\n"},
      {"\xc3\xbcn\xc3\xaf \xf0\x9d\x92\xb3 \xe6\x97\xa5", "\xc3\xbcn\xc3\xaf \xf0\x9d\x92\xb3 \xe6\x97\xa5\n"},
      {"wide\xe3\x80\x80\xc2\xa0\n", "wide\n"},
      {"\xc2\xa0 \n\xe3\x80\x80\n\xc2\xa0text", "\xc2\xa0text\n"},
      {"a\xff\xfe"
       "b\xc3",
       "a\xef\xbf\xbd\xef\xbf\xbd"
       "b\xef\xbf\xbd\n"},
  };
  for (const Row& row : rows) EXPECT_EQ(shaped(row.raw), row.shaped) << row.raw;
}

TEST(ShapeOutput, StandardErrorGetsNoLineFeed) {
  EXPECT_EQ(shaped("  a warning\n\n", 100, Stream::err), "  a warning");
}

TEST(ShapeOutput, CutsByCharactersAndSaysSo) {
  const std::string note = "\n[Output truncated - size limit exceeded]\n";
  for (const std::string letter : {"x", "\xc3\xbc", "\xf0\x9d\x92\xb3"}) {
    std::string raw, kept;
    for (int i = 0; i < 12; ++i) raw += letter;
    for (int i = 0; i < 10; ++i) kept += letter;
    EXPECT_EQ(shaped(raw, 10), kept + note);
    EXPECT_EQ(shaped(kept, 10), kept + "\n");
  }
}

TEST(ShapeOutput, ControlCharactersCountBeforeTheyAreRemoved) {
  EXPECT_EQ(shaped("\a\a\a\a", 3, Stream::err), "[Output truncated - size limit exceeded]");
}

Outcome outcome(Ended ended, int exit_code = 0, int signal = 0) {
  Outcome result;
  result.ended = ended;
  result.exit_code = exit_code;
  result.signal = signal;
  return result;
}

TEST(Explain, AddsWhatTheProgramCannotSay) {
  using std::chrono::milliseconds;
  const milliseconds limit(1500);
  EXPECT_EQ(explain("", outcome(Ended::exited), limit), "");
  EXPECT_EQ(explain("warning", outcome(Ended::exited), limit), "warning");
  EXPECT_EQ(explain("", outcome(Ended::exited, 3), limit), "Code execution failed with exit code 3");
  EXPECT_EQ(explain("why", outcome(Ended::exited, 3), limit), "why");
  EXPECT_EQ(explain("", outcome(Ended::timed_out), limit), "Execution timed out after 2 seconds");
  EXPECT_EQ(
      explain("so far", outcome(Ended::timed_out), milliseconds(30000)),
      "so far\nExecution timed out after 30 seconds");
  EXPECT_EQ(explain("", outcome(Ended::signalled, 0, 11), limit), "Process terminated by signal SIGSEGV");
  EXPECT_EQ(explain("x", outcome(Ended::signalled, 0, 9), limit), "x\nProcess terminated by signal SIGKILL");
  EXPECT_NE(explain("", outcome(Ended::out_of_memory), limit).find("Out of memory"), std::string::npos);
  EXPECT_NE(explain("", outcome(Ended::lost), limit), "");
}

}  // namespace
}  // namespace ci::execution
