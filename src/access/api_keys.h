#pragma once
// Who may call. Keys of the environment for now; managed keys join here.

#include <chrono>
#include <map>
#include <optional>
#include <set>
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

// What sessions were marked with when all keys of the environment were one credential.
inline constexpr std::string_view former_credential = "env";

// An entry of API_KEY or API_KEYS: a key, or name=key. Keys of one name are one credential, so that a new one can take the place of an
// old one and finds its sessions. The name is empty where there is none; also where what stands behind it would be too short for a key.
struct NamedKey {
  std::string name, key;
};
NamedKey named_key(std::string_view entry);

class ApiKeys {
 public:
  // Entries as above. One with a name is also accepted as a whole: it may be a key that has a "=" in it.
  explicit ApiKeys(std::vector<std::string> environment_keys);

  // A short stable name of the credential, or nothing when unknown: of a key with a name "name-" and that, of others "key-" and the
  // beginning of a digest, in hexadecimal. Constant time in the key.
  std::optional<std::string> credential_of(std::string_view key) const;

 private:
  struct Known {
    std::string digest;  // SHA-256 of the key
    std::string credential;
  };
  std::vector<Known> known_;
};

// Counts failed attempts per address: `limit` within `window` and refuse() says for how long. The same wrong key counts once: a
// client that was set up wrongly repeats itself, somebody who guesses does not. I/O thread only; bounded memory.
class FailureLimiter {
 public:
  FailureLimiter(int limit, std::chrono::seconds window) : limit_(limit), window_(window) {}
  std::optional<std::chrono::seconds> refuse(const std::string& address, std::chrono::steady_clock::time_point now);
  // `key` is the wrong one, of which a digest is kept; empty: there was none, which counts each time.
  void failed(const std::string& address, std::string_view key, std::chrono::steady_clock::time_point now);
  // Whether there was one within the window.
  bool has_failed(const std::string& address, std::chrono::steady_clock::time_point now) const;

 private:
  struct Entry {
    int count = 0;
    std::set<std::string> keys;  // digests of those that were counted
    std::chrono::steady_clock::time_point begin;
  };
  int limit_;
  std::chrono::seconds window_;
  std::map<std::string, Entry> entries_;
};

}  // namespace ci::access
