#include "net/body_decoder.h"

#include <gtest/gtest.h>

#include <array>

namespace ci::net {
namespace {

struct Result {
  std::string body;
  std::string rest;  // what stood behind the body
  bool done = false;
  bool broken = false;
};

// Feeds `piece` bytes at a time and takes `room` bytes at a time.
Result decode_all(BodyDecoder decoder, std::string_view text, std::size_t piece, std::size_t room) {
  Result result;
  std::string pending;
  std::array<std::byte, 64> buffer{};
  while (!decoder.done() && !(text.empty() && pending.empty())) {
    pending += text.substr(0, piece);
    text.remove_prefix(std::min(text.size(), piece));
    for (;;) {
      const auto step = decoder.decode(pending, std::span(buffer).first(room));
      if (!step) {
        result.broken = true;
        return result;
      }
      pending.erase(0, step->consumed);
      result.body.append(reinterpret_cast<const char*>(buffer.data()), step->produced);
      if (step->consumed == 0 || decoder.done()) break;
    }
    if (text.empty()) break;
  }
  result.rest = pending + std::string(text);
  result.done = decoder.done();
  return result;
}

TEST(BodyDecoder, ReadsChunksHoweverTheyArrive) {
  const std::string_view text = "5\r\nhello\r\n0A;name=\"v;x\"\r\n, world...\r\n0\r\nTrailer: x\r\nB: y\r\n\r\nGET /";
  for (const std::size_t piece : {1, 2, 3, 7, 100}) {
    for (const std::size_t room : {1, 3, 64}) {
      const Result result = decode_all(BodyDecoder::chunked(), text, piece, room);
      EXPECT_TRUE(result.done);
      EXPECT_EQ(result.body, "hello, world...");
      EXPECT_EQ(result.rest, "GET /");
    }
  }
}

TEST(BodyDecoder, StopsAtTheLength) {
  const Result result = decode_all(BodyDecoder::of_length(5), "helloGET", 2, 3);
  EXPECT_TRUE(result.done);
  EXPECT_EQ(result.body, "hello");
  EXPECT_EQ(result.rest, "GET");
  EXPECT_TRUE(BodyDecoder::of_length(0).done());
  EXPECT_FALSE(decode_all(BodyDecoder::of_length(5), "hell", 4, 64).done);
}

TEST(BodyDecoder, AcceptsAnEmptyChunkedBody) {
  EXPECT_TRUE(decode_all(BodyDecoder::chunked(), "0\r\n\r\n", 1, 1).done);
  EXPECT_FALSE(decode_all(BodyDecoder::chunked(), "0\r\n\r", 1, 1).done);
}

TEST(BodyDecoder, RefusesWrongFraming) {
  for (const char* text :
       {"\r\n", "g\r\n", "-5\r\nhello", "5 \r\nhello", "5\nhello", "5\r\nhelloX", "5\r\nhello\rX", "0x5\r\nhello",
        "1000000000000000000\r\n", "5;a\nb\r\nhello", "0\r\n\rX", "0\r\nA: b\n\r\n"}) {
    EXPECT_TRUE(decode_all(BodyDecoder::chunked(), text, 1, 64).broken) << text;
    EXPECT_TRUE(decode_all(BodyDecoder::chunked(), text, 100, 64).broken) << text;
  }
}

TEST(BodyDecoder, BoundsExtensionsAndTrailers) {
  const std::string lots(20 << 10, 'x');
  EXPECT_TRUE(decode_all(BodyDecoder::chunked(), "5;" + lots, 100, 64).broken);
  EXPECT_TRUE(decode_all(BodyDecoder::chunked(), "0\r\nA: " + lots, 100, 64).broken);
}

TEST(BodyDecoder, StaysBroken) {
  BodyDecoder decoder = BodyDecoder::chunked();
  std::array<std::byte, 8> buffer{};
  EXPECT_FALSE(decoder.decode("z", buffer));
  EXPECT_FALSE(decoder.decode("0\r\n\r\n", buffer));
}

}  // namespace
}  // namespace ci::net
