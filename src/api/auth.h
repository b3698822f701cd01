#pragma once
// Who calls.

#include <memory>
#include <optional>
#include <string>

#include "access/api_keys.h"
#include "access/json_web_tokens.h"
#include "access/managed_keys.h"
#include "access/principal.h"
#include "access/trusted_networks.h"
#include "api/settings.h"
#include "files/sessions.h"
#include "net/http.h"

namespace ci::api {

// Throws 415 when a POST, PUT or PATCH says a type of content that only routes with BodyType::any take.
void check_content_type(const net::Request& request);

class Authenticator {
 public:
  Authenticator(const access::ApiKeys& keys, const ApiSettings& settings);

  // Throws 401, 413, 429 or 503. What had to be read of a JSON body for the key is kept in `body` and given back to the
  // request, to be read again. Until it is known who calls, what is held of the request counts for all strangers together.
  awaitable<access::Principal> authenticate(net::Request& request, std::unique_ptr<ByteSource>& body);

  // Whether the master key came with it, in x-api-key or as a Bearer token. Throws 422 when there is none, 500 when the server has
  // none, 403 when it is another one, 429 after too many of those.
  void check_administrator(const net::Request& request);

  // From now on keys count that an administrator made. They outlive this object.
  void know(access::ManagedKeys& managed) { managed_ = &managed; }
  // From now on a key may also be a token by which a host vouches for a user.
  void know(const access::JsonWebTokens& tokens) { tokens_ = &tokens; }

 private:
  std::string address_of(const net::Request& request) const;
  awaitable<std::optional<access::Principal>> principal_of_key(const std::string& key);
  std::optional<access::Principal> principal_of_token(const std::string& token) const;
  std::optional<std::string> key_in_headers(const net::Request& request) const;
  awaitable<std::optional<std::string>> key_in_body(
      net::Request& request, const std::string& address, std::unique_ptr<ByteSource>& body);
  [[noreturn]] void refuse_without_key(const std::string& address, bool read_partly);
  void refuse_when_failing(const std::string& address);

  const access::ApiKeys& keys_;
  const ApiSettings& settings_;
  access::TrustedNetworks trusted_, proxies_;
  access::FailureLimiter failures_;
  access::ManagedKeys* managed_ = nullptr;
  const access::JsonWebTokens* tokens_ = nullptr;
};

// Who calls, once the request has been let in; nobody of a route that anybody may call.
const access::Principal& principal_of(const net::Request& request);
void let_in(net::Request& request, access::Principal principal);

// Whom the sessions of this request belong to: the credential, and the user that its header User-Id names.
files::Caller caller_of(const net::Request& request);

}  // namespace ci::api
