#include "access/client_address.h"

#include <gtest/gtest.h>

namespace ci::access {
namespace {

std::string client(const char* peer, std::optional<std::string_view> forwarded_for) {
  const TrustedNetworks proxies({"10.0.0.0/8", "fd00::/8"});
  return client_address(boost::asio::ip::make_address(peer), forwarded_for, proxies).to_string();
}

TEST(ClientAddress, IsThePeerWhereNoProxyStands) {
  EXPECT_EQ(client("192.0.2.1", std::nullopt), "192.0.2.1");
  EXPECT_EQ(client("192.0.2.1", "198.51.100.7"), "192.0.2.1");  // anybody can write that
  EXPECT_EQ(client("10.0.0.1", std::nullopt), "10.0.0.1");
}

TEST(ClientAddress, IsWhatTheLastProxySaw) {
  EXPECT_EQ(client("10.0.0.1", "198.51.100.7"), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", "1.2.3.4, 198.51.100.7"), "198.51.100.7");  // the first is the client's own word
  EXPECT_EQ(client("10.0.0.1", "1.2.3.4,198.51.100.7 ,10.0.0.2"), "198.51.100.7");
  EXPECT_EQ(client("fd00::1", "2001:db8::5"), "2001:db8::5");
}

TEST(ClientAddress, StopsAtWhatIsNoAddress) {
  EXPECT_EQ(client("10.0.0.1", "unknown"), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", "198.51.100.7, , 10.0.0.2"), "10.0.0.2");
  EXPECT_EQ(client("10.0.0.1", ",,,,"), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", "10.0.0.3"), "10.0.0.3");
}

}  // namespace
}  // namespace ci::access
