#include "bench/http_client.h"

#include <gtest/gtest.h>

#include "base/failure.h"

namespace ci::bench {
namespace {

TEST(HttpClient, AddressesHaveDefaultPortsAndNoTrailingSlash) {
  const Address plain = parse_address("http://localhost/v1//");
  EXPECT_FALSE(plain.tls);
  EXPECT_EQ(plain.host, "localhost");
  EXPECT_EQ(plain.port, "80");
  EXPECT_EQ(plain.path, "/v1");
  const Address secure = parse_address("https://[::1]");
  EXPECT_TRUE(secure.tls);
  EXPECT_EQ(secure.host, "::1");
  EXPECT_EQ(secure.port, "443");
  EXPECT_EQ(parse_address("https://a.example:8443").port, "8443");
}

TEST(HttpClient, KnowsThisMachine) {
  EXPECT_TRUE(parse_address("http://localhost:1").is_local());
  EXPECT_TRUE(parse_address("http://127.0.0.9").is_local());
  EXPECT_TRUE(parse_address("http://[::1]:80").is_local());
  EXPECT_FALSE(parse_address("http://192.0.2.1").is_local());
  EXPECT_FALSE(parse_address("http://localhost.example").is_local());
}

TEST(HttpClient, WhatIsNoAddressIsRefused) {
  for (const char* url : {"", "127.0.0.1:8000", "ftp://host", "http://", "https://key@host"}) {
    EXPECT_THROW(parse_address(url), Failure) << url;
  }
}

TEST(HttpClient, AMissingAuthorityFileIsNamed) {
  Trust trust;
  trust.authorities = "/nonexistent/ca.pem";
  try {
    HttpClient client(parse_address("https://localhost"), "", trust);
    FAIL() << "accepted";
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("/nonexistent/ca.pem"), std::string::npos);
  }
}

TEST(HttpClient, NobodyListening) {
  HttpClient client(parse_address("http://127.0.0.1:1"), "", Trust{});
  EXPECT_THROW(client.get("/health"), Failure);
}

}  // namespace
}  // namespace ci::bench
