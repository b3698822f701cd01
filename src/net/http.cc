#include "net/http.h"

#include <strings.h>

#include <algorithm>

#include "base/failure.h"

namespace ci::net {

namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

Failure too_many() {
  return Failure(FailureKind::unavailable, "Too many large requests are being read; try again later");
}

Failure too_large() { return Failure(FailureKind::exhausted, "Request body too large"); }

}  // namespace

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(entries_, [&](const auto& entry) { return same_name(entry.first, name); });
  entries_.emplace_back(std::string(name), std::move(value));
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const auto& [key, value] : entries_) {
    if (same_name(key, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

awaitable<std::string> read_body(Request& request, std::uint64_t limit) {
  if (request.content_length && *request.content_length > limit) throw too_large();
  std::string bytes;
  if (request.body == nullptr) co_return bytes;

  // A client's word about the length does not decide how much we allocate: the text doubles as bytes arrive.
  // One byte above the most we expect, so that the end (or too much) is seen without growing once more.
  constexpr std::uint64_t first_piece = 64 << 10;
  const std::uint64_t most = request.content_length.value_or(std::min<std::uint64_t>(limit, UINT64_MAX - 1)) + 1;
  std::size_t filled = 0;
  for (;;) {
    if (filled == bytes.size()) {
      const std::uint64_t size = std::min(most, std::max<std::uint64_t>(first_piece, 2 * filled));
      if (!request.held.set(size)) throw too_many();
      bytes.resize(static_cast<std::size_t>(size));
    }
    const std::span<std::byte> room = std::as_writable_bytes(std::span<char>(bytes)).subspan(filled);
    const std::size_t count = co_await request.body->read_some(room);
    filled += count;
    if (filled > limit) throw too_large();
    if (count == 0) break;
  }
  bytes.resize(filled);
  co_return bytes;
}

}  // namespace ci::net
