#pragma once
// AWS Signature Version 4, in the Authorization header. Pure functions. Done here, because what libcurl 7.88 offers does
// not send the hash of the body, and does not sort header names that are prefixes of each other.

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ci::store::s3 {

using Pairs = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view hash_of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// In place of the hash of a body that TLS protects.
inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";

// Everything but A-Z a-z 0-9 - _ . ~ as %XX; '/' stays in paths.
std::string encode(std::string_view text);
std::string encode_path(std::string_view path);
// Sorted and encoded, as it is signed and as it must be sent: "prefix=a%2Fb&uploads=".
std::string encode_query(const Pairs& query);

struct SigningKey {
  std::string access_key, secret_key;
  std::string region, service = "s3";
  std::chrono::system_clock::time_point time;
};

struct ToSign {
  std::string method;
  std::string path;          // encoded
  std::string query;         // from encode_query()
  Pairs headers;             // all that are signed, "host" among them; names in lower case, in any order
  std::string payload_hash;  // hex, or unsigned_payload
};

std::string amz_date(std::chrono::system_clock::time_point time);  // "20130524T000000Z"
std::string canonical_request(const ToSign& request);
// The value of the Authorization header.
std::string authorization(const SigningKey& key, const ToSign& request);

}  // namespace ci::store::s3
