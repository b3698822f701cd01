#include "base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <span>

#include "base/base64.h"
#include "base/failure.h"
#include "base/sha256.h"

namespace ci {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void fill_random(std::span<unsigned char> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno != EINTR) throw Failure::from_errno(errno, "reading random bytes");
    if (got > 0) out = out.subspan(static_cast<size_t>(got));
  }
}

constexpr std::size_t id_length = 21;

std::string id_of(const std::array<unsigned char, id_length>& bytes) {
  std::string id(bytes.size(), '\0');
  for (size_t i = 0; i < bytes.size(); ++i) id[i] = alphabet[bytes[i] & 63];
  // The two ends leave out '-' and '_'. Folding them onto 62 values biases by a fraction of a bit.
  id.front() = alphabet[bytes.front() % 62];
  id.back() = alphabet[bytes.back() % 62];
  return id;
}

}  // namespace

std::string new_id() {
  std::array<unsigned char, id_length> bytes{};
  fill_random(bytes);
  return id_of(bytes);
}

std::string derived_id(std::string_view text) {
  const std::string hex = sha256_hex(text);
  std::array<unsigned char, id_length> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) std::from_chars(&hex[2 * i], &hex[2 * i] + 2, bytes[i], 16);
  return id_of(bytes);
}

std::string random_token(int bytes) {
  CHECK(bytes > 0 && bytes <= 256);
  std::string raw(static_cast<size_t>(bytes), '\0');
  fill_random({reinterpret_cast<unsigned char*>(raw.data()), raw.size()});
  return encode_base64_url(raw);
}

bool is_plausible_id(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::ranges::all_of(text, [](char c) { return alphabet.find(c) != std::string_view::npos; });
}

}  // namespace ci
