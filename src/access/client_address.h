#pragma once
// Where a request comes from, when it may have come through reverse proxies.

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string_view>

#include "access/trusted_networks.h"

namespace ci::access {

// The last address of X-Forwarded-For that is not one of `proxies`, when the peer is one of them: what stands before it was
// written by whoever it is. Else the peer, also when the header is not what a proxy writes.
boost::asio::ip::address client_address(
    const boost::asio::ip::address& peer, std::optional<std::string_view> forwarded_for,
    const TrustedNetworks& proxies);

}  // namespace ci::access
