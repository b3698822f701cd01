#include "pool/local/call_frames.h"

#include <gtest/gtest.h>

namespace ci::pool {
namespace {

using namespace std::string_literals;

std::string frame(std::uint32_t number, const std::string& text) {
  std::string bytes;
  for (const std::uint32_t value : {static_cast<std::uint32_t>(text.size() + 4), number}) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  }
  return bytes + text;
}

TEST(CallFrames, TakesCallsThatComeInPieces) {
  CallFrames frames;
  const std::string bytes = frame(1, "weather") + frame(7, "") + frame(2, "\0x"s);
  std::vector<Call> calls;
  for (const char byte : bytes) {
    for (Call& call : frames.take(std::string_view(&byte, 1))) calls.push_back(std::move(call));
  }
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[0].number, 1u);
  EXPECT_EQ(calls[0].request, "weather");
  EXPECT_EQ(calls[1].number, 7u);
  EXPECT_EQ(calls[1].request, "");
  EXPECT_EQ(calls[2].request, "\0x"s);
  EXPECT_FALSE(frames.broken());
}

TEST(CallFrames, AnswersACallOnceAndNothingElse) {
  CallFrames frames;
  frames.take(frame(300, "q"));
  EXPECT_EQ(frames.answer(Answer(1, "lost")), "");
  EXPECT_EQ(frames.answer(Answer(300, "sunny")), frame(300, "sunny"));
  EXPECT_EQ(frames.answer(Answer(300, "again")), "");
  EXPECT_EQ(frames.take(frame(300, "q")).size(), 1u);  // the number is free again
}

TEST(CallFrames, BreaksWhenTheGuestSaysTooMuch) {
  CallFrames longest;
  EXPECT_EQ(longest.take(frame(1, std::string(longest_call, 'x'))).size(), 1u);
  EXPECT_FALSE(longest.broken());
  longest.take("\5\0\x10\0"s);  // a byte more
  EXPECT_TRUE(longest.broken());

  CallFrames many;
  for (std::uint32_t i = 0; i < most_open_calls; ++i) many.take(frame(i, ""));
  EXPECT_FALSE(many.broken());
  EXPECT_TRUE(many.take(frame(1000, "")).empty());
  EXPECT_TRUE(many.broken());

  CallFrames twice;
  EXPECT_EQ(twice.take(frame(1, "") + frame(1, "")).size(), 1u);
  EXPECT_TRUE(twice.broken());

  CallFrames none;
  none.take("\3\0\0\0"s);  // no room for a number
  EXPECT_TRUE(none.broken());
}

}  // namespace
}  // namespace ci::pool
