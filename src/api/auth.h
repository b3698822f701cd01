#pragma once
// Who calls.

#include <memory>
#include <optional>
#include <string>

#include "access/api_keys.h"
#include "access/trusted_networks.h"
#include "api/settings.h"
#include "net/http.h"

namespace ci::api {

// Throws 415 when a POST, PUT or PATCH says a type of content that no route takes.
void check_content_type(const net::Request& request);

class Authenticator {
 public:
  Authenticator(const access::ApiKeys& keys, const ApiSettings& settings);

  // Fills request.caller and request.queue; throws 401, 413 or 429. A JSON body that had to be read for the key is kept in `body` and
  // given back to the request, to be read again.
  awaitable<void> authenticate(net::Request& request, std::unique_ptr<ByteSource>& body);

 private:
  std::optional<std::string> key_in_headers(const net::Request& request) const;
  void refuse_when_failing(const std::string& address);

  const access::ApiKeys& keys_;
  const ApiSettings& settings_;
  access::TrustedNetworks trusted_;
  access::FailureLimiter failures_;
};

// Routes that everybody may ask: probes, documentation, and what browsers ask before they ask.
bool needs_no_key(const net::Request& request);

}  // namespace ci::api
