#include "access/client_address.h"

#include <string>

namespace ci::access {

namespace ip = boost::asio::ip;

ip::address client_address(
    const ip::address& peer, std::optional<std::string_view> forwarded_for, const TrustedNetworks& proxies) {
  ip::address client = peer;
  std::string_view rest = forwarded_for.value_or("");
  while (!rest.empty() && proxies.contains(client)) {
    const std::size_t comma = rest.rfind(',');
    std::string_view entry = comma == rest.npos ? rest : rest.substr(comma + 1);
    rest = comma == rest.npos ? std::string_view() : rest.substr(0, comma);
    while (entry.starts_with(' ')) entry.remove_prefix(1);
    while (entry.ends_with(' ')) entry.remove_suffix(1);
    boost::system::error_code error;
    const ip::address address = ip::make_address(std::string(entry), error);
    if (error) break;
    client = address;
  }
  return client;
}

}  // namespace ci::access
