#include "access/json_web_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <fstream>

#include "base/base64.h"
#include "base/failure.h"

namespace ci::access {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;

const system_clock::time_point now{std::chrono::seconds(1'800'000'000)};
constexpr const char* times = R"("iat":1800000000,"exp":1800000300)";

// A key pair of the host.
class Signer {
 public:
  explicit Signer(bool edwards)
      : edwards_(edwards), key_(edwards ? ::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519") : ::EVP_RSA_gen(2048)) {}
  ~Signer() { ::EVP_PKEY_free(key_); }
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  std::string pem() const {
    BIO* const memory = ::BIO_new(::BIO_s_mem());
    ::PEM_write_bio_PUBKEY(memory, key_);
    char* text = nullptr;
    const long size = ::BIO_get_mem_data(memory, &text);
    std::string result(text, static_cast<std::size_t>(size));
    ::BIO_free(memory);
    return result;
  }
  std::string raw() const {
    unsigned char bytes[32];
    std::size_t size = sizeof bytes;
    ::EVP_PKEY_get_raw_public_key(key_, bytes, &size);
    return std::string(reinterpret_cast<char*>(bytes), size);
  }
  std::string token(const std::string& claims, const std::string& id = "k1", std::string algorithm = {}) const {
    if (algorithm.empty()) algorithm = edwards_ ? "EdDSA" : "RS256";
    const std::string text =
        encode_base64_url(R"({"alg":")" + algorithm + R"(","kid":")" + id + "\"}") + "." + encode_base64_url(claims);
    EVP_MD_CTX* const context = ::EVP_MD_CTX_new();
    ::EVP_DigestSignInit(context, nullptr, edwards_ ? nullptr : ::EVP_sha256(), nullptr, key_);
    std::size_t size = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    ::EVP_DigestSign(context, nullptr, &size, bytes, text.size());
    std::string signature(size, '\0');
    ::EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, text.size());
    ::EVP_MD_CTX_free(context);
    signature.resize(size);
    return text + "." + encode_base64_url(signature);
  }

 private:
  bool edwards_;
  EVP_PKEY* key_;
};

std::string claims(const std::string& more = "", const std::string& time = times) {
  return R"({"iss":"librechat","aud":"codeapi","sub":"ann",)" + time + more + "}";
}

JsonWebTokens with(const Signer& signer) {
  TokenSettings settings;
  settings.public_key = signer.pem();
  return JsonWebTokens(settings);
}

TEST(JsonWebTokens, BothAlgorithmsAreTaken) {
  for (const bool edwards : {true, false}) {
    const Signer signer(edwards);
    const auto found = with(signer).verify(signer.token(claims(R"(,"tenant_id":"t1")")), now);
    ASSERT_TRUE(found) << found.error();
    EXPECT_EQ(found->user, "ann");
    EXPECT_EQ(found->tenant, "t1");
    EXPECT_EQ(with(signer).verify(signer.token(claims()), now)->tenant, "legacy");
  }
}

TEST(JsonWebTokens, EachClaimIsLookedAt) {
  const Signer signer(true);
  const JsonWebTokens tokens = with(signer);
  const auto why = [&](const std::string& text, system_clock::time_point time = now) {
    const auto found = tokens.verify(signer.token(text), time);
    return found ? std::string() : found.error();
  };
  EXPECT_EQ(why(claims()), "");
  EXPECT_EQ(why(claims(), now + 329s), "");  // clocks differ
  EXPECT_EQ(why(claims(), now + 330s), "its time is over");
  EXPECT_EQ(why(claims(), now - 31s), "its time has not come");
  EXPECT_EQ(why(claims(R"(,"nbf":1800000100)")), "its time has not come");
  EXPECT_EQ(why(claims("", R"("iat":1800000000,"exp":1800000301)")), "too long a life");
  EXPECT_EQ(why(claims("", R"("exp":1800000300)")), "no time");
  EXPECT_EQ(why(R"({"iss":"x","aud":"codeapi","sub":"ann",)" + std::string(times) + "}"), "another issuer");
  EXPECT_EQ(why(R"({"iss":"librechat","aud":["a","codeapi"],"sub":"ann",)" + std::string(times) + "}"), "");
  EXPECT_EQ(why(R"({"iss":"librechat","aud":["a"],"sub":"ann",)" + std::string(times) + "}"), "another audience");
  EXPECT_EQ(why(R"({"iss":"librechat","aud":"codeapi",)" + std::string(times) + "}"), "no user");
  EXPECT_EQ(why(claims(R"(,"tenant_id":"a\nb")")), "a tenant with a line feed");
  EXPECT_EQ(why("[]"), "claims that cannot be read");
  EXPECT_EQ(tokens.verify(signer.token(claims(R"(,"code_worker_id":"w")")), now)->worker, "w");
}

TEST(JsonWebTokens, ForgeriesAreRefused) {
  const Signer signer(true), other(true), rsa(false);
  const JsonWebTokens tokens = with(signer);
  EXPECT_EQ(tokens.verify(other.token(claims()), now).error(), "a wrong signature");
  EXPECT_EQ(tokens.verify(rsa.token(claims()), now).error(), "a wrong signature");
  EXPECT_EQ(tokens.verify(signer.token(claims(), "k1", "none"), now).error(), "an algorithm that is not allowed");
  EXPECT_EQ(tokens.verify(signer.token(claims(), "k1", "HS256"), now).error(), "an algorithm that is not allowed");
  EXPECT_EQ(tokens.verify(signer.token(claims(), "k1", "RS256"), now).error(), "a wrong signature");
  std::string changed = signer.token(claims());
  changed.replace(0, changed.find('.'), encode_base64_url(R"({"alg":"EdDSA","kid":"k2"})"));
  EXPECT_EQ(tokens.verify(changed, now).error(), "a wrong signature");
  for (const char* text : {"", "a.b", "a.b.c.d", "..", "a.b.c", "sk-abc", "....", ".a.b"})
    EXPECT_FALSE(tokens.verify(text, now)) << text;
  EXPECT_FALSE(tokens.verify(std::string(20000, 'a') + ".b.c", now));
}

TEST(JsonWebTokens, KeysAreChosenByTheirId) {
  const Signer one(true), two(true);
  TokenSettings settings;
  settings.key_set = R"({"keys":[{"kty":"EC","crv":"P-256","kid":"x"},{"kty":"OKP","crv":"Ed25519","kid":"one","x":")" +
                     encode_base64_url(one.raw()) + R"("}]})";
  const JsonWebTokens tokens(settings);
  EXPECT_TRUE(tokens.verify(one.token(claims(), "one"), now));
  EXPECT_EQ(tokens.verify(one.token(claims(), "two"), now).error(), "a key id that nobody knows");
  EXPECT_EQ(tokens.verify(two.token(claims(), "one"), now).error(), "a wrong signature");
}

TEST(JsonWebTokens, WrongSettingsAreNamed) {
  const auto what = [](TokenSettings settings) {
    try {
      const JsonWebTokens tokens(std::move(settings));
    } catch (const Failure& failure) {
      return std::string(failure.what());
    }
    return std::string();
  };
  TokenSettings pem, directory, set, algorithm;
  pem.public_key = "not a key";
  directory.directory = "/nonexistent";
  set.key_set = "{}";
  algorithm.algorithms = {"HS256"};
  EXPECT_THAT(what(pem), ::testing::HasSubstr("CODEAPI_JWT_PUBLIC_KEY"));
  EXPECT_THAT(what(directory), ::testing::HasSubstr("CODEAPI_JWT_PUBLIC_KEYS_DIR"));
  EXPECT_THAT(what(set), ::testing::HasSubstr("CODEAPI_JWT_JWKS_JSON"));
  EXPECT_THAT(what(algorithm), ::testing::HasSubstr("CODEAPI_JWT_ALLOWED_ALGS"));
}

}  // namespace
}  // namespace ci::access
