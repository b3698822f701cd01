#include "store/s3/signature.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/failure.h"
#include "base/sha256.h"

namespace ci::store::s3 {

namespace {

using Digest = std::array<unsigned char, 32>;

Digest hmac(std::string_view key, std::string_view text) {
  Digest digest{};
  unsigned size = 0;
  CHECK(
      ::HMAC(
          ::EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
          text.size(), digest.data(), &size) != nullptr);
  return digest;
}

std::string_view view(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }

std::string hex(const Digest& digest) { return fmt::format("{:02x}", fmt::join(digest, "")); }

std::string encode_except(std::string_view text, bool keep_slash) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~' || (keep_slash && c == '/');
    if (plain) {
      result += c;
    } else {
      fmt::format_to(std::back_inserter(result), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

std::string signed_headers(const Pairs& sorted) {
  std::string names;
  for (const auto& [name, value] : sorted) names += (names.empty() ? "" : ";") + name;
  return names;
}

// By name alone: "x-amz-meta-k" comes before "x-amz-meta-k2", although ':' comes after '2'.
Pairs sorted_headers(Pairs headers) {
  std::ranges::stable_sort(headers, {}, [](const auto& header) { return std::string_view(header.first); });
  return headers;
}

}  // namespace

std::string encode(std::string_view text) { return encode_except(text, false); }
std::string encode_path(std::string_view path) { return encode_except(path, true); }

std::string encode_query(const Pairs& query) {
  Pairs encoded;
  for (const auto& [name, value] : query) encoded.emplace_back(encode(name), encode(value));
  std::ranges::sort(encoded);
  std::string text;
  for (const auto& [name, value] : encoded) text += (text.empty() ? "" : "&") + name + "=" + value;
  return text;
}

std::string amz_date(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string canonical_request(const ToSign& request) {
  const Pairs headers = sorted_headers(request.headers);
  std::string text = fmt::format("{}\n{}\n{}\n", request.method, request.path, request.query);
  for (const auto& [name, value] : headers) text += fmt::format("{}:{}\n", name, trimmed(value, " "));
  text += fmt::format("\n{}\n{}", signed_headers(headers), request.payload_hash);
  return text;
}

std::string authorization(const SigningKey& key, const ToSign& request) {
  const std::string time = amz_date(key.time), date = time.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", date, key.region, key.service);
  const std::string text =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, scope, sha256_hex(canonical_request(request)));
  const Digest of_date = hmac("AWS4" + key.secret_key, date);
  const Digest of_region = hmac(view(of_date), key.region);
  const Digest of_service = hmac(view(of_region), key.service);
  const Digest signing = hmac(view(of_service), "aws4_request");
  return fmt::format(
      "AWS4-HMAC-SHA256 Credential={}/{},SignedHeaders={},Signature={}", key.access_key, scope,
      signed_headers(sorted_headers(request.headers)), hex(hmac(view(signing), text)));
}

}  // namespace ci::store::s3
