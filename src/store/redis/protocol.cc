#include "store/redis/protocol.h"

#include <hiredis.h>

#include <array>
#include <new>

#include "base/failure.h"

namespace ci::store::redis {

namespace {

// hiredis calls these while it parses, so they must not throw: nullptr tells it that memory ran out.
template <class Fill>
void* place(const redisReadTask* task, Fill fill) noexcept {
  try {
    if (task->parent == nullptr) {
      auto root = std::make_unique<Reply>();
      fill(*root);
      return root.release();
    }
    Reply& element = static_cast<Reply*>(task->parent->obj)->elements[static_cast<size_t>(task->idx)];
    fill(element);
    return &element;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* make_text(const redisReadTask* task, char* text, size_t size) {
  return place(task, [&](Reply& reply) {
    reply.kind = task->type == REDIS_REPLY_ERROR    ? Reply::Kind::error
                 : task->type == REDIS_REPLY_STATUS ? Reply::Kind::status
                                                    : Reply::Kind::text;
    reply.text.assign(text, size);
  });
}

// The type of the size is another with each version of hiredis.
template <class Size>
void* make_array(const redisReadTask* task, Size size) {
  return place(task, [&](Reply& reply) {
    reply.kind = Reply::Kind::array;
    reply.elements.resize(static_cast<size_t>(size));
  });
}

void* make_integer(const redisReadTask* task, long long value) {
  return place(task, [&](Reply& reply) {
    reply.kind = Reply::Kind::integer;
    reply.integer = value;
  });
}

void* make_nil(const redisReadTask* task) {
  return place(task, [](Reply& reply) { reply.kind = Reply::Kind::nil; });
}

// Only ever the outermost one, which owns the others.
void free_reply(void* reply) { delete static_cast<Reply*>(reply); }

// By name: newer versions of hiredis know more kinds of replies. Those are of a protocol that we do not ask for; who sends them all the
// same is understood as text and as a number.
template <class Functions>
Functions all_functions() {
  Functions all{};
  all.createString = make_text;
  all.createArray = make_array;
  all.createInteger = make_integer;
  all.createNil = make_nil;
  all.freeObject = free_reply;
  if constexpr (requires { all.createDouble; }) {
    all.createDouble = [](const redisReadTask* task, double, char* text, size_t size) {
      return make_text(task, text, size);
    };
  }
  if constexpr (requires { all.createBool; }) {
    all.createBool = [](const redisReadTask* task, int value) { return make_integer(task, value); };
  }
  return all;
}

redisReplyObjectFunctions functions = all_functions<redisReplyObjectFunctions>();

// CRC-16/XMODEM, which the cluster specification names.
constexpr std::array<std::uint16_t, 256> crc_table = [] {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned value = byte << 8;
    for (int bit = 0; bit < 8; ++bit) value = (value & 0x8000) != 0 ? (value << 1) ^ 0x1021 : value << 1;
    table[byte] = static_cast<std::uint16_t>(value);
  }
  return table;
}();

}  // namespace

Command::Command(const std::vector<std::string_view>& words) {
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* text = nullptr;
  const int size = ::redisFormatCommandArgv(&text, static_cast<int>(words.size()), texts.data(), sizes.data());
  if (size < 0) throw std::bad_alloc();
  text_.reset(text);
  size_ = static_cast<size_t>(size);
}

bool Reply::is_error(std::string_view code) const {
  return kind == Kind::error && text.starts_with(code) && (text.size() == code.size() || text[code.size()] == ' ');
}

void ReplyReader::Free::operator()(redisReader* reader) const { ::redisReaderFree(reader); }

ReplyReader::ReplyReader() : reader_(::redisReaderCreateWithFunctions(&functions)) {
  if (!reader_) throw std::bad_alloc();
}

void ReplyReader::feed(std::string_view bytes) {
  if (::redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
    throw Failure(FailureKind::unavailable, std::string("cannot read an answer of Redis: ") + reader_->errstr);
  }
}

std::optional<Reply> ReplyReader::next() {
  void* found = nullptr;
  if (::redisReaderGetReply(reader_.get(), &found) != REDIS_OK) {
    throw Failure(
        FailureKind::unavailable,
        std::string("what answers is not Redis, or speaks TLS where we do not (REDIS_SSL): ") + reader_->errstr);
  }
  if (found == nullptr) return std::nullopt;
  const std::unique_ptr<Reply> reply(static_cast<Reply*>(found));
  return std::move(*reply);
}

std::uint16_t slot_of(std::string_view key) {
  if (const size_t open = key.find('{'); open != key.npos) {
    const size_t close = key.find('}', open + 1);
    if (close != key.npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  unsigned crc = 0;
  for (const char c : key) crc = ((crc << 8) ^ crc_table[((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xff]) & 0xffff;
  return static_cast<std::uint16_t>(crc % 16384);
}

std::string pattern_of(std::string_view prefix) {
  std::string pattern;
  for (const char c : prefix) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + '*';
}

}  // namespace ci::store::redis
