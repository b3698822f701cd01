#pragma once
// Who calls.

#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "access/api_keys.h"
#include "api/settings.h"
#include "net/http.h"

namespace ci::api {

// Throws 415 when a POST, PUT or PATCH says a type of content that no route takes.
void check_content_type(const net::Request& request);

// Networks whose members need no key, by the address of the socket.
class TrustedNetworks {
 public:
  // Entries that are no network are left out, with a warning in the log.
  explicit TrustedNetworks(const std::vector<std::string>& networks);
  bool contains(const asio::ip::address& address) const;

 private:
  std::vector<asio::ip::network_v4> v4_;
  std::vector<asio::ip::network_v6> v6_;
};

class Authenticator {
 public:
  Authenticator(const access::ApiKeys& keys, const ApiSettings& settings);

  // Fills request.caller; throws 401, 413 or 429. A JSON body that had to be read for the key is kept in `body` and
  // given back to the request, to be read again.
  awaitable<void> authenticate(net::Request& request, std::unique_ptr<ByteSource>& body);

 private:
  std::optional<std::string> key_in_headers(const net::Request& request) const;
  void refuse_when_failing(const std::string& address);

  const access::ApiKeys& keys_;
  const ApiSettings& settings_;
  TrustedNetworks trusted_;
  access::FailureLimiter failures_;
};

// Routes that everybody may ask: probes, documentation, and what browsers ask before they ask.
bool needs_no_key(const net::Request& request);

}  // namespace ci::api
