#include "access/trusted_networks.h"

#include <gtest/gtest.h>

#include "base/failure.h"

namespace ci::access {
namespace {

bool trusts(const std::vector<std::string>& entries, const char* peer) {
  return TrustedNetworks(entries).contains(boost::asio::ip::make_address(peer));
}

TEST(TrustedNetworks, MatchesByPrefix) {
  EXPECT_TRUE(trusts({"10.0.0.0/8"}, "10.200.3.4"));
  EXPECT_FALSE(trusts({"10.0.0.0/8"}, "11.0.0.1"));
  EXPECT_TRUE(trusts({"192.0.2.7"}, "192.0.2.7"));
  EXPECT_TRUE(trusts({"0.0.0.0/0"}, "203.0.113.5"));
  EXPECT_TRUE(trusts({"2001:db8::/33"}, "2001:db8:7fff::1"));
  EXPECT_FALSE(trusts({"2001:db8::/33"}, "2001:db8:8000::1"));
}

TEST(TrustedNetworks, SeesIPv4BehindIPv6) {
  EXPECT_TRUE(trusts({"10.0.0.0/8"}, "::ffff:10.1.1.1"));
  EXPECT_FALSE(trusts({"::/0"}, "10.1.1.1"));
}

TEST(TrustedNetworks, WhatIsNotANetworkIsRefused) {
  for (const char* entry : {"nonsense", "10.0.0.0/99", "10.0.0", "fd00::/129", "10.0.0.0/8 "}) {
    EXPECT_THROW(TrustedNetworks({"10.0.0.0/8", entry}), Failure) << entry;
  }
  EXPECT_TRUE(trusts({"", "10.0.0.0/8"}, "10.0.0.1"));
}

}  // namespace
}  // namespace ci::access
