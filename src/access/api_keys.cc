#include "access/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cctype>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/sha256.h"

namespace ci::access {

namespace {

constexpr std::string_view white = " \t\r\n";

std::optional<std::string> key_or_nothing(std::string_view text) {
  const std::string_view key = trimmed(text, white);
  if (key.empty()) return std::nullopt;
  return std::string(key);
}

// The user name; the password where that is empty; everything where there is no colon, as node-fetch 2 sends it for
// http://KEY@host/.
std::optional<std::string> key_of_basic(std::string_view encoded) {
  const auto decoded = decode_any_base64(trimmed(encoded, white));
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
  const std::string_view value = trimmed(*keys.authorization, white);
  const std::string_view scheme = value.substr(0, value.find(' '));
  const std::string_view rest = value.substr(scheme.size());
  if (same_word(scheme, "bearer") || same_word(scheme, "apikey")) return key_or_nothing(rest);
  if (same_word(scheme, "basic")) return key_of_basic(rest);
  return std::nullopt;
}

NamedKey named_key(std::string_view entry) {
  constexpr std::size_t longest_name = 32, shortest_key = 16;
  const std::string_view text = trimmed(entry, white);
  const std::size_t equals = std::min(text.find('='), text.size());
  const std::string_view name = trimmed(text.substr(0, equals), white);
  const std::string_view rest = trimmed(text.substr(std::min(text.size(), equals + 1)), white);
  const bool named = !name.empty() && name.size() <= longest_name && rest.size() >= shortest_key &&
                     std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
  if (!named) return {"", std::string(text)};
  return {std::string(name), std::string(rest)};
}

ApiKeys::ApiKeys(std::vector<std::string> environment_keys) {
  for (const std::string& entry : environment_keys) {
    // Presented keys are trimmed; and an empty setting must not become a key that everybody has.
    const std::string_view text = trimmed(entry, white);
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

void FailureLimiter::failed(
    const std::string& address, std::string_view key, std::chrono::steady_clock::time_point now) {
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
