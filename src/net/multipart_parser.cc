#include "net/multipart_parser.h"

#include <algorithm>
#include <cstring>

#include "base/failure.h"
#include "net/part_header.h"

namespace ci::net {

namespace {

constexpr std::size_t most_parts = 1000;
constexpr std::size_t header_limit = 16 << 10;  // of one part
constexpr std::size_t padding_limit = 256;      // blanks that may follow a boundary on its line

}  // namespace

// The first boundary may stand at the very beginning. Pretending that a line ended before it makes it like
// every other one.
MultipartParser::MultipartParser(std::string_view boundary)
    : delimiter_("\r\n--" + std::string(boundary)), buffer_("\r\n"), filled_(2) {}

std::span<std::byte> MultipartParser::room(std::size_t size) {
  data_ = {};
  if (offset_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + offset_, filled_ - offset_);
    filled_ -= offset_;
    offset_ = 0;
  }
  if (buffer_.size() < filled_ + size) buffer_.resize(filled_ + size);
  return std::as_writable_bytes(std::span(buffer_).subspan(filled_, size));
}

void MultipartParser::added(std::size_t count) { filled_ += count; }

void MultipartParser::add(std::string_view bytes) {
  const std::span<std::byte> place = room(bytes.size());
  if (!bytes.empty()) std::memcpy(place.data(), bytes.data(), bytes.size());
  added(bytes.size());
}

void MultipartParser::finish() const {
  if (state_ != State::end) throw Failure(FailureKind::invalid, "The multipart body ends too early");
}

MultipartParser::Event MultipartParser::next() {
  data_ = {};
  for (;;) {
    switch (state_) {
      case State::preamble:
      case State::body: {
        const bool in_part = state_ == State::body;
        std::size_t before = 0;
        const Found found = find_boundary(before);
        if (before > 0) {
          if (in_part) data_ = unread().substr(0, before);
          offset_ += before;
          if (in_part) return Event::data;
        }
        if (found == Found::nothing) return Event::need_more;
        offset_ += delimiter_.size();
        state_ = found == Found::closing ? State::end : State::after_boundary;
        if (in_part) return Event::part_end;
        break;
      }
      case State::after_boundary:
        if (!skip_padding()) return Event::need_more;
        state_ = State::header;
        break;
      case State::header:
        if (!read_header()) return Event::need_more;
        state_ = State::body;
        return Event::part;
      case State::end:
        return Event::end;
    }
  }
}

// Says how many bytes certainly stand before the next boundary, and what comes after them.
MultipartParser::Found MultipartParser::find_boundary(std::size_t& before) const {
  const std::string_view text = unread();
  const std::string_view delimiter = delimiter_;
  for (std::size_t from = 0;; from = before + 1) {
    before = text.find(delimiter, from);
    if (before == std::string_view::npos) break;
    const std::string_view behind = text.substr(before + delimiter.size());
    if (behind.size() < 2) return Found::nothing;  // cannot tell yet
    if (behind.starts_with("--")) return Found::closing;
    if (behind.starts_with("\r\n") || behind.starts_with(' ') || behind.starts_with('\t')) return Found::boundary;
    // The boundary and more: just data that looks alike.
  }
  // The end of the text may be the start of a boundary.
  before = text.size() - std::min(text.size(), delimiter.size() - 1);
  while (!delimiter.starts_with(text.substr(before))) ++before;
  return Found::nothing;
}

// Leaves the end of the boundary's line unread; false when it is not there yet.
bool MultipartParser::skip_padding() {
  const std::string_view text = unread();
  const std::size_t end = text.find_first_not_of(" \t");
  if (std::min(end, text.size()) > padding_limit) {
    throw Failure(FailureKind::invalid, "Malformed boundary in the multipart body");
  }
  if (end == std::string_view::npos || text.size() - end < 2) return false;
  if (!text.substr(end).starts_with("\r\n")) {
    throw Failure(FailureKind::invalid, "Malformed boundary in the multipart body");
  }
  offset_ += end;
  return true;
}

// The boundary's line end comes first, so that a part without headers has its empty line too.
bool MultipartParser::read_header() {
  const std::string_view text = unread();
  const std::size_t end = text.substr(0, header_limit).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (text.size() < header_limit) return false;
    throw Failure(FailureKind::invalid, "A part header of the multipart body is too large");
  }
  if (++parts_ > most_parts) throw Failure(FailureKind::invalid, "The multipart body has too many parts");
  header_ = parse_part_header(end == 0 ? std::string_view() : text.substr(2, end - 2));
  offset_ += end + 4;
  return true;
}

}  // namespace ci::net
