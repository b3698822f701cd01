#pragma once
// Who may call. Keys of the environment for now; managed keys join here.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ci::access {

// Where a request may carry its key, in the order in which it is looked for; the first one found counts.
struct PresentedKeys {
  std::optional<std::string_view> api_key_header;  // x-api-key
  std::optional<std::string_view> authorization;   // Bearer, ApiKey, Basic (with or without colon or padding)
};

// The key text in these headers, trimmed; nothing when no header has one.
std::optional<std::string> presented_key(const PresentedKeys& keys);

// The key in a JSON body: LIBRECHAT_CODE_API_KEY, api_key, apiKey. `json` need not be valid.
std::optional<std::string> key_in_body(std::string_view json);

class ApiKeys {
 public:
  explicit ApiKeys(std::vector<std::string> environment_keys);

  // A short stable name of the credential ("env" for all keys of the environment), or nothing when unknown.
  // Constant time in the key.
  std::optional<std::string> credential_of(std::string_view key) const;
  // Tells keys of one credential apart where their holders take turns: the beginning of a digest, in hexadecimal.
  static std::string queue_of(std::string_view key);

 private:
  std::vector<std::string> digests_;  // SHA-256 of each key
};

// Counts failed attempts per address: more than `limit` within `window` and refuse() says for how long.
// I/O thread only; bounded memory.
class FailureLimiter {
 public:
  FailureLimiter(int limit, std::chrono::seconds window) : limit_(limit), window_(window) {}
  std::optional<std::chrono::seconds> refuse(const std::string& address, std::chrono::steady_clock::time_point now);
  void failed(const std::string& address, std::chrono::steady_clock::time_point now);

 private:
  struct Entry {
    int count = 0;
    std::chrono::steady_clock::time_point begin;
  };
  int limit_;
  std::chrono::seconds window_;
  std::map<std::string, Entry> entries_;
};

}  // namespace ci::access
