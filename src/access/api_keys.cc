#include "access/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cctype>

#include "base/sha256.h"

namespace ci::access {

namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::optional<std::string> key_or_nothing(std::string_view text) {
  const std::string_view key = trimmed(text);
  if (key.empty()) return std::nullopt;
  return std::string(key);
}

// RFC 4648 base64, either alphabet, padded or not.
std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  unsigned buffer = 0;
  int bits = 0;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  for (const char c : text) {
    unsigned value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<unsigned>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<unsigned>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<unsigned>(c - '0') + 52;
    } else if (c == '+' || c == '-') {
      value = 62;
    } else if (c == '/' || c == '_') {
      value = 63;
    } else {
      return std::nullopt;
    }
    buffer = (buffer << 6 | value) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> bits & 0xff);
    }
  }
  return bytes;
}

// The user name; the password where that is empty; everything where there is no colon, as node-fetch 2 sends it for
// http://KEY@host/.
std::optional<std::string> key_of_basic(std::string_view encoded) {
  const auto decoded = decode_base64(trimmed(encoded));
  if (!decoded) return std::nullopt;
  const std::string_view text = *decoded;
  const size_t colon = text.find(':');
  if (colon == text.npos) return key_or_nothing(text);
  if (auto user = key_or_nothing(text.substr(0, colon))) return user;
  return key_or_nothing(text.substr(colon + 1));
}

std::string digest_of(std::string_view key) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  ::SHA256(
      reinterpret_cast<const unsigned char*>(key.data()), key.size(), reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace

std::optional<std::string> presented_key(const PresentedKeys& keys) {
  if (keys.api_key_header) {
    if (auto key = key_or_nothing(*keys.api_key_header)) return key;
  }
  if (!keys.authorization) return std::nullopt;
  const std::string_view value = trimmed(*keys.authorization);
  const std::string_view scheme = value.substr(0, value.find(' '));
  const std::string_view rest = value.substr(scheme.size());
  if (same_word(scheme, "bearer") || same_word(scheme, "apikey")) return key_or_nothing(rest);
  if (same_word(scheme, "basic")) return key_of_basic(rest);
  return std::nullopt;
}

NamedKey named_key(std::string_view entry) {
  constexpr std::size_t longest_name = 32, shortest_key = 16;
  const std::string_view text = trimmed(entry);
  const std::size_t equals = std::min(text.find('='), text.size());
  const std::string_view name = trimmed(text.substr(0, equals));
  const std::string_view rest = trimmed(text.substr(std::min(text.size(), equals + 1)));
  const bool named = !name.empty() && name.size() <= longest_name && rest.size() >= shortest_key &&
                     std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
  if (!named) return {"", std::string(text)};
  return {std::string(name), std::string(rest)};
}

ApiKeys::ApiKeys(std::vector<std::string> environment_keys) {
  for (const std::string& entry : environment_keys) {
    // Presented keys are trimmed; and an empty setting must not become a key that everybody has.
    const std::string_view text = trimmed(entry);
    if (text.empty()) continue;
    const auto [name, key] = named_key(text);
    std::string credential = name.empty() ? "key-" + sha256_hex(key).substr(0, 16) : "name-" + name;
    if (!name.empty()) known_.push_back({digest_of(text), credential});
    known_.push_back({digest_of(key), std::move(credential)});
  }
}

std::optional<std::string> ApiKeys::credential_of(std::string_view key) const {
  // All are compared, and digests at that: how long it takes tells nothing about any key.
  const std::string digest = digest_of(key);
  const Known* found = nullptr;
  for (const Known& other : known_) {
    const bool same = ::CRYPTO_memcmp(digest.data(), other.digest.data(), digest.size()) == 0;
    found = same ? &other : found;
  }
  if (found == nullptr) return std::nullopt;
  return found->credential;
}

std::optional<std::chrono::seconds> FailureLimiter::refuse(
    const std::string& address, std::chrono::steady_clock::time_point now) {
  const auto entry = entries_.find(address);
  if (entry == entries_.end()) return std::nullopt;
  if (now - entry->second.begin >= window_) {
    entries_.erase(entry);
    return std::nullopt;
  }
  if (entry->second.count < limit_) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(entry->second.begin + window_ - now);
}

bool FailureLimiter::has_failed(const std::string& address, std::chrono::steady_clock::time_point now) const {
  const auto entry = entries_.find(address);
  return entry != entries_.end() && now - entry->second.begin < window_;
}

void FailureLimiter::failed(const std::string& address, std::string_view key, std::chrono::steady_clock::time_point now) {
  constexpr size_t most_addresses = 10000;
  if (entries_.size() >= most_addresses && !entries_.contains(address)) {
    std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.begin >= window_; });
    // Still full: an attacker with that many addresses. Forget the oldest window.
    if (entries_.size() >= most_addresses) {
      entries_.erase(std::ranges::min_element(entries_, {}, [](const auto& entry) { return entry.second.begin; }));
    }
  }
  Entry& entry = entries_[address];
  if (entry.count == 0 || now - entry.begin >= window_) entry = Entry{0, {}, now};
  if (entry.count >= limit_) return;
  if (key.empty() || entry.keys.insert(digest_of(key)).second) ++entry.count;
}

}  // namespace ci::access
