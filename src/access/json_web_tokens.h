#pragma once
// JSON Web Tokens (RFC 7519) by which a host vouches for its users: signed with EdDSA (Ed25519) or RS256, valid for minutes. Keys are
// read once; verifying is pure and takes some tens of microseconds.

#include <chrono>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;

namespace ci::access {

struct TokenSettings {
  TokenSettings() = default;
  std::string public_key;  // PEM; of tokens with any key id
  std::string directory;   // files <key id>.pem
  std::string key_set;     // JWKS, as text
  std::string issuer = "librechat", audience = "codeapi";
  std::vector<std::string> algorithms = {"EdDSA", "RS256"};
  std::chrono::seconds skew{30};      // by which clocks may differ
  std::chrono::seconds longest{300};  // life of a token
  bool chosen() const { return !public_key.empty() || !directory.empty() || !key_set.empty(); }
};

struct TokenClaims {
  TokenClaims() = default;
  std::string tenant;  // "legacy" where the host has none
  std::string user;
  std::string worker;  // a place of the user's that runs should happen in; empty: none
};

class JsonWebTokens {
 public:
  // Fails as `invalid`, naming the variable, when a key cannot be read or there is none.
  explicit JsonWebTokens(TokenSettings settings);

  // What a good token says; else why it is none, in words that may be logged.
  std::expected<TokenClaims, std::string> verify(
      std::string_view token, std::chrono::system_clock::time_point now) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  using Key = std::unique_ptr<evp_pkey_st, Free>;

  void read_directory();
  void read_key_set();
  const evp_pkey_st* key_of(const std::string& id) const;

  TokenSettings settings_;
  std::map<std::string, Key> keys_;  // by their id; "" is for any
};

// Three parts with dots between: what could be one, and no key of ours is.
bool is_token(std::string_view text);

}  // namespace ci::access
