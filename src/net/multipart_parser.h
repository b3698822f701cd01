#pragma once
// Splits a multipart/form-data body into parts. Does no I/O: bytes in, events out.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "net/multipart.h"

namespace ci::net {

class MultipartParser {
 public:
  enum class Event {
    need_more,  // add() more bytes, or finish()
    part,       // a part begins: header()
    data,       // a piece of its body, not empty: data()
    part_end,
    end,  // the closing boundary; what follows does not matter
  };

  explicit MultipartParser(std::string_view boundary);

  // Room for `size` more bytes; added() says how many were put there. Both invalidate data().
  std::span<std::byte> room(std::size_t size);
  void added(std::size_t count);
  void add(std::string_view bytes);  // both in one

  // What comes next. Throws Failure (invalid) when the body is malformed or goes beyond a limit.
  Event next();

  // There will be no more bytes. Throws Failure (invalid) unless the end was seen.
  void finish() const;

  const PartHeader& header() const { return header_; }
  std::string_view data() const { return data_; }  // until the next call

 private:
  enum class State { preamble, after_boundary, header, body, end };

  enum class Found { nothing, boundary, closing };

  Found find_boundary(std::size_t& before) const;
  bool skip_padding();
  bool read_header();
  std::string_view unread() const { return std::string_view(buffer_).substr(offset_, filled_ - offset_); }

  std::string delimiter_;  // CR LF "--" boundary
  std::string buffer_;     // bytes up to filled_ arrived, those before offset_ are done with
  std::size_t offset_ = 0;
  std::size_t filled_ = 0;
  State state_ = State::preamble;
  std::size_t parts_ = 0;
  PartHeader header_;
  std::string_view data_;
};

}  // namespace ci::net
