#include "net/multipart.h"

#include <algorithm>
#include <cstring>

#include "base/failure.h"
#include "net/multipart_parser.h"

namespace ci::net {

namespace {
constexpr std::size_t piece = 64 << 10;
}

class MultipartReader::Impl final : public ByteSource {
 public:
  using Event = MultipartParser::Event;

  Impl(ByteSource& body, std::string_view boundary) : body_(body), parser_(boundary) {}

  awaitable<std::optional<PartHeader>> next_part() {
    for (;;) {
      const Event event = co_await advance();
      in_part_ = event == Event::part;
      if (event == Event::part) co_return parser_.header();
      if (event == Event::end) co_return std::nullopt;
    }
  }

  awaitable<size_t> read_some(std::span<std::byte> into) override {
    while (left_.empty()) {
      if (!in_part_) co_return 0;
      if (co_await advance() == Event::data) {
        left_ = parser_.data();
      } else {
        in_part_ = false;
      }
    }
    const size_t count = std::min(left_.size(), into.size());
    std::memcpy(into.data(), left_.data(), count);
    left_.remove_prefix(count);
    co_return count;
  }

 private:
  awaitable<Event> advance() {
    left_ = {};
    for (;;) {
      const Event event = parser_.next();
      if (event != Event::need_more) co_return event;
      const std::span<std::byte> room = parser_.room(piece);
      const size_t count = co_await body_.read_some(room);
      if (count == 0) parser_.finish();
      parser_.added(count);
    }
  }

  ByteSource& body_;
  MultipartParser parser_;
  std::string_view left_;  // of the parser's current piece
  bool in_part_ = false;
};

MultipartReader::MultipartReader(ByteSource& body, std::string boundary)
    : impl_(std::make_unique<Impl>(body, boundary)) {}
MultipartReader::~MultipartReader() = default;

awaitable<std::optional<PartHeader>> MultipartReader::next_part() { return impl_->next_part(); }
ByteSource& MultipartReader::part_body() { return *impl_; }

}  // namespace ci::net
