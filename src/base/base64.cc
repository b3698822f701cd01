#include "base/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace ci {

namespace {

// OpenSSL counts in int, and decodes whole groups only.
constexpr std::size_t encode_piece = 3 << 20, decode_piece = 4 << 20;

std::string_view without_padding(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string encode_base64(std::string_view bytes) {
  // One more, since OpenSSL ends what it writes with NUL.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  std::size_t filled = 0;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), encode_piece))) {
    const std::string_view piece = bytes.substr(0, encode_piece);
    filled += static_cast<std::size_t>(EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(text.data()) + filled, reinterpret_cast<const unsigned char*>(piece.data()),
        static_cast<int>(piece.size())));
  }
  text.resize(filled);
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  if (text.substr(0, text.size() - padding).contains('=')) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  std::size_t filled = 0;
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), decode_piece))) {
    const std::string_view piece = text.substr(0, decode_piece);
    const int got = EVP_DecodeBlock(
        reinterpret_cast<unsigned char*>(bytes.data()) + filled, reinterpret_cast<const unsigned char*>(piece.data()),
        static_cast<int>(piece.size()));
    // White space at the ends would be skipped; there is none in what we take.
    if (got < 0 || static_cast<std::size_t>(got) != piece.size() / 4 * 3) return std::nullopt;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled - padding);
  return bytes;
}

std::string encode_base64_url(std::string_view bytes) {
  std::string text = encode_base64(bytes);
  text.resize(without_padding(text).size());
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

std::optional<std::string> decode_any_base64(std::string_view text) {
  std::string usual(without_padding(text));
  std::ranges::replace(usual, '-', '+');
  std::ranges::replace(usual, '_', '/');
  if (usual.size() % 4 == 1) return std::nullopt;
  usual.append((4 - usual.size() % 4) % 4, '=');
  return decode_base64(usual);
}

}  // namespace ci
