#include "access/trusted_networks.h"

#include <algorithm>

#include "base/failure.h"

namespace ci::access {

namespace ip = boost::asio::ip;

namespace {

ip::address_v6 masked(const ip::address_v6& address, unsigned short bits) {
  auto bytes = address.to_bytes();
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned kept = bits <= i * 8 ? 0 : std::min(8u, bits - i * 8);
    bytes[i] = static_cast<unsigned char>(bytes[i] & (0xff00u >> kept));
  }
  return ip::address_v6(bytes);
}

}  // namespace

TrustedNetworks::TrustedNetworks(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    if (entry.empty()) continue;
    const bool v6 = entry.contains(':');
    const std::string text = entry.contains('/') ? entry : entry + (v6 ? "/128" : "/32");
    boost::system::error_code error;
    if (v6) {
      const auto network = ip::make_network_v6(text, error);
      if (!error) v6_.push_back(network);
    } else {
      const auto network = ip::make_network_v4(text, error);
      if (!error) v4_.push_back(network);
    }
    if (error) {
      throw Failure(
          FailureKind::invalid,
          "AUTH_TRUSTED_NETWORKS: \"" + entry + "\" is not an address or a network such as 10.0.0.0/8 or fd00::/8");
    }
  }
}

bool TrustedNetworks::contains(const ip::address& peer) const {
  if (peer.is_v6() && !peer.to_v6().is_v4_mapped()) {
    for (const auto& network : v6_) {
      if (masked(peer.to_v6(), network.prefix_length()) == masked(network.address(), network.prefix_length()))
        return true;
    }
    return false;
  }
  const ip::address_v4 address = peer.is_v4() ? peer.to_v4() : ip::make_address_v4(ip::v4_mapped, peer.to_v6());
  for (const auto& network : v4_) {
    const auto mask = network.netmask().to_uint();
    if ((address.to_uint() & mask) == (network.address().to_uint() & mask)) return true;
  }
  return false;
}

}  // namespace ci::access
