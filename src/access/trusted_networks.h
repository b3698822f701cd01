#pragma once
// Addresses that need no key: AUTH_TRUSTED_NETWORKS, compared with the socket's peer only, never with forwarded ones.

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>
#include <vector>

namespace ci::access {

class TrustedNetworks {
 public:
  TrustedNetworks() = default;
  // Entries like "10.0.0.0/8", "2001:db8::/32" or a single address; fails as `invalid` for any other.
  explicit TrustedNetworks(const std::vector<std::string>& entries);

  // An IPv4 address that came over an IPv6 socket (::ffff:a.b.c.d) counts as what it is.
  bool contains(const boost::asio::ip::address& peer) const;

 private:
  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
};

}  // namespace ci::access
