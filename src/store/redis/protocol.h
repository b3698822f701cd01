#pragma once
// The text that goes over the wire, by hiredis: commands in, replies out. No I/O.

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace ci::store::redis {

// One command, encoded.
class Command {
 public:
  Command(std::initializer_list<std::string_view> words) : Command(std::vector<std::string_view>(words)) {}
  explicit Command(const std::vector<std::string_view>& words);

  std::string_view bytes() const { return {text_.get(), size_}; }

 private:
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  std::unique_ptr<char, Free> text_;
  size_t size_ = 0;
};

struct Reply {
  enum class Kind { nil, text, status, error, integer, array };
  Reply() {}  // gcc12: not an aggregate, so that it may cross coroutine calls

  bool is_error() const { return kind == Kind::error; }
  // Whether it is an error of this sort, the first word of its text: "MOVED".
  bool is_error(std::string_view code) const;

  Kind kind = Kind::nil;
  std::string text;  // text, status, error
  std::int64_t integer = 0;
  std::vector<Reply> elements;
};

// Takes bytes as they come, gives replies when they are complete.
class ReplyReader {
 public:
  ReplyReader();

  void feed(std::string_view bytes);
  // Nothing: more bytes are needed. What is no Redis protocol fails as `unavailable`.
  std::optional<Reply> next();

 private:
  struct Free {
    void operator()(redisReader* reader) const;
  };
  std::unique_ptr<redisReader, Free> reader_;
};

// The hash slot of a key, 0 to 16383. Of a key with a tag in braces, a{tag}b, that of the tag.
std::uint16_t slot_of(std::string_view key);

// For MATCH: exactly the keys that begin with `prefix`.
std::string pattern_of(std::string_view prefix);

}  // namespace ci::store::redis
