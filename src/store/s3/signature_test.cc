#include "store/s3/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sha256.h"

namespace ci::store::s3 {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// 2013-05-24 00:00:00 UTC, the time of the examples in "Authenticating Requests: Using the Authorization Header".
SigningKey documented_key() {
  SigningKey key;
  key.access_key = "AKIAIOSFODNN7EXAMPLE";
  key.secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  key.region = "us-east-1";
  key.time = std::chrono::system_clock::from_time_t(1369353600);
  return key;
}

ToSign documented(
    std::string method, std::string path, Pairs query, Pairs headers, std::string hash = std::string(hash_of_nothing)) {
  ToSign request;
  request.method = std::move(method);
  request.path = encode_path(path);
  request.query = encode_query(query);
  request.headers = std::move(headers);
  request.headers.emplace_back("host", "examplebucket.s3.amazonaws.com");
  request.headers.emplace_back("x-amz-content-sha256", hash);
  request.headers.emplace_back("x-amz-date", "20130524T000000Z");
  request.payload_hash = std::move(hash);
  return request;
}

TEST(Signature, OfAGetWithARange) {
  const ToSign request = documented("GET", "/test.txt", {}, {{"range", "bytes=0-9"}});
  EXPECT_EQ(sha256_hex(canonical_request(request)), "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972");
  EXPECT_EQ(
      authorization(documented_key(), request),
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
      "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(Signature, OfAPutWithABodyAndACharacterToEncode) {
  const std::string hash = sha256_hex("Welcome to Amazon S3.");
  EXPECT_EQ(hash, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
  const ToSign request = documented(
      "PUT", "/test$file.text", {},
      {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}, hash);
  EXPECT_THAT(
      authorization(documented_key(), request),
      EndsWith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(Signature, OfAQueryWithoutAndWithValues) {
  EXPECT_THAT(
      authorization(documented_key(), documented("GET", "/", {{"lifecycle", ""}}, {})),
      EndsWith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_THAT(
      authorization(documented_key(), documented("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {})),
      EndsWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

// From the signing suite that AWS publishes: service "service", 2015-08-30 12:36:00 UTC.
TEST(Signature, OfTheSigningSuite) {
  SigningKey key;
  key.access_key = "AKIDEXAMPLE";
  key.secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  key.region = "us-east-1";
  key.service = "service";
  key.time = std::chrono::system_clock::from_time_t(1440938160);
  ToSign request;
  request.method = "GET";
  request.path = "/";
  request.headers = {{"host", "example.amazonaws.com"}, {"x-amz-date", "20150830T123600Z"}};
  request.payload_hash = hash_of_nothing;
  EXPECT_EQ(amz_date(key.time), "20150830T123600Z");
  EXPECT_THAT(
      authorization(key, request),
      EndsWith("Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
  request.query = encode_query({{"Param2", "value2"}, {"Param1", "value1"}});
  EXPECT_THAT(
      authorization(key, request),
      EndsWith("Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"));
}

TEST(Signature, SortsHeadersByNameAlone) {
  ToSign request;
  request.headers = {{"x-amz-meta-k2", "2"}, {"x-amz-meta-k", "1"}, {"x-amz-meta-k-b", " 3 "}, {"host", "h:1"}};
  EXPECT_THAT(canonical_request(request), HasSubstr("host:h:1\nx-amz-meta-k:1\nx-amz-meta-k-b:3\nx-amz-meta-k2:2\n"));
  EXPECT_THAT(canonical_request(request), HasSubstr("host;x-amz-meta-k;x-amz-meta-k-b;x-amz-meta-k2\n"));
}

TEST(Signature, EncodesAsItIsSigned) {
  EXPECT_EQ(encode("a b/é~-_.*'()"), "a%20b%2F%C3%A9~-_.%2A%27%28%29");
  EXPECT_EQ(encode_path("/a b/c"), "/a%20b/c");
  // After encoding: "%2F" comes before "-".
  EXPECT_EQ(encode_query({{"a-", "1"}, {"a/", "2"}, {"uploads", ""}}), "a%2F=2&a-=1&uploads=");
  EXPECT_EQ(encode_query({}), "");
}

}  // namespace
}  // namespace ci::store::s3
