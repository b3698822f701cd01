#include "access/json_web_tokens.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/base64.h"
#include "base/failure.h"

namespace ci::access {

namespace json = boost::json;
using std::chrono::seconds;
using std::chrono::system_clock;

namespace {

constexpr std::size_t longest_token = 16 << 10;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string());
}

std::optional<std::int64_t> number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double number = value->to_number<double>();
  if (!(number >= 0 && number < 1e12)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::optional<json::object> object_of(std::string_view part) {
  const auto text = decode_any_base64(part);
  if (!text) return std::nullopt;
  boost::system::error_code error;
  json::value value = json::parse(*text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

// A text, or a list that holds it.
bool names(const json::object& claims, std::string_view name, const std::string& wanted) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return false;
  if (value->is_string()) return value->get_string() == wanted;
  if (!value->is_array()) return false;
  return std::ranges::any_of(
      value->get_array(), [&](const json::value& one) { return one.is_string() && one.get_string() == wanted; });
}

evp_pkey_st* key_of_pem(const std::string& pem) {
  BIO* const memory = ::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* const key = ::PEM_read_bio_PUBKEY(memory, nullptr, nullptr, nullptr);
  ::BIO_free(memory);
  return key;
}

evp_pkey_st* rsa_key(const std::string& modulus, const std::string& exponent) {
  BIGNUM* const n = ::BN_bin2bn(bytes_of(modulus), static_cast<int>(modulus.size()), nullptr);
  BIGNUM* const e = ::BN_bin2bn(bytes_of(exponent), static_cast<int>(exponent.size()), nullptr);
  OSSL_PARAM_BLD* const builder = ::OSSL_PARAM_BLD_new();
  ::OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
  ::OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
  OSSL_PARAM* const parameters = ::OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* const context = ::EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY* key = nullptr;
  if (::EVP_PKEY_fromdata_init(context) == 1) ::EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
  ::EVP_PKEY_CTX_free(context);
  ::OSSL_PARAM_free(parameters);
  ::OSSL_PARAM_BLD_free(builder);
  ::BN_free(n);
  ::BN_free(e);
  return key;
}

evp_pkey_st* key_of_jwk(const json::object& jwk) {
  const auto field = [&](const char* name) { return decode_any_base64(text_of(jwk, name)).value_or(""); };
  if (text_of(jwk, "kty") == "OKP" && text_of(jwk, "crv") == "Ed25519") {
    const std::string x = field("x");
    return ::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size());
  }
  if (text_of(jwk, "kty") == "RSA") return rsa_key(field("n"), field("e"));
  return nullptr;
}

// The algorithm is ours to choose by the kind of the key: a token does not talk us into another.
bool is_signed(
    const evp_pkey_st* key, const std::string& algorithm, std::string_view text, const std::string& signature) {
  const bool edwards = algorithm == "EdDSA";
  const int kind = ::EVP_PKEY_get_base_id(key);
  if (kind != (edwards ? EVP_PKEY_ED25519 : EVP_PKEY_RSA)) return false;
  EVP_MD_CTX* const context = ::EVP_MD_CTX_new();
  const EVP_MD* const digest = edwards ? nullptr : ::EVP_sha256();
  const bool good =
      ::EVP_DigestVerifyInit(context, nullptr, digest, nullptr, const_cast<EVP_PKEY*>(key)) == 1 &&
      ::EVP_DigestVerify(context, bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
  ::EVP_MD_CTX_free(context);
  return good;
}

}  // namespace

void JsonWebTokens::Free::operator()(evp_pkey_st* key) const { ::EVP_PKEY_free(key); }

bool is_token(std::string_view text) {
  return std::ranges::count(text, '.') == 2 && text.front() != '.' && text.back() != '.';
}

JsonWebTokens::JsonWebTokens(TokenSettings settings) : settings_(std::move(settings)) {
  for (const std::string& algorithm : settings_.algorithms) {
    if (algorithm == "EdDSA" || algorithm == "RS256") continue;
    throw Failure(
        FailureKind::invalid, fmt::format("CODEAPI_JWT_ALLOWED_ALGS: \"{}\" is neither EdDSA nor RS256", algorithm));
  }
  if (!settings_.public_key.empty()) {
    std::string pem = settings_.public_key;
    // In one line of an environment file line feeds are written as "\n".
    for (std::size_t at = 0; (at = pem.find("\\n", at)) != pem.npos;) pem.replace(at, 2, "\n");
    Key key(key_of_pem(pem));
    if (!key) throw Failure(FailureKind::invalid, "CODEAPI_JWT_PUBLIC_KEY: this is no public key in PEM");
    keys_.emplace("", std::move(key));
  }
  if (!settings_.directory.empty()) read_directory();
  if (!settings_.key_set.empty()) read_key_set();
}

void JsonWebTokens::read_directory() {
  std::error_code error;
  bool found = false;
  for (const auto& entry : std::filesystem::directory_iterator(settings_.directory, error)) {
    if (entry.path().extension() != ".pem") continue;
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    Key key(key_of_pem(text.str()));
    if (!key)
      throw Failure(
          FailureKind::invalid,
          fmt::format("CODEAPI_JWT_PUBLIC_KEYS_DIR: {} is no public key in PEM", entry.path().string()));
    keys_.insert_or_assign(entry.path().stem().string(), std::move(key));
    found = true;
  }
  if (!found)
    throw Failure(
        FailureKind::invalid,
        fmt::format("CODEAPI_JWT_PUBLIC_KEYS_DIR: {} holds no file <kid>.pem", settings_.directory));
}

void JsonWebTokens::read_key_set() {
  boost::system::error_code error;
  const json::value set = json::parse(settings_.key_set, error);
  const json::value* list = !error && set.is_object() ? set.get_object().if_contains("keys") : nullptr;
  if (list == nullptr || !list->is_array())
    throw Failure(FailureKind::invalid, "CODEAPI_JWT_JWKS_JSON: this is no JWKS, {\"keys\": [...]}");
  bool found = false;
  for (const json::value& one : list->get_array()) {
    if (!one.is_object()) continue;
    Key key(key_of_jwk(one.get_object()));
    if (!key) continue;  // of a kind that others use
    keys_.insert_or_assign(text_of(one.get_object(), "kid"), std::move(key));
    found = true;
  }
  if (!found) throw Failure(FailureKind::invalid, "CODEAPI_JWT_JWKS_JSON: no key of it is Ed25519 or RSA");
}

const evp_pkey_st* JsonWebTokens::key_of(const std::string& id) const {
  auto found = keys_.find(id);
  if (found == keys_.end()) found = keys_.find("");
  return found == keys_.end() ? nullptr : found->second.get();
}

std::expected<TokenClaims, std::string> JsonWebTokens::verify(
    std::string_view token, system_clock::time_point now) const {
  const auto refuse = [](const char* why) { return std::unexpected(std::string(why)); };
  if (token.size() > longest_token || !is_token(token)) return refuse("no token");
  const std::size_t first = token.find('.'), second = token.rfind('.');
  const auto header = object_of(token.substr(0, first));
  const auto signature = decode_any_base64(token.substr(second + 1));
  if (!header || !signature) return refuse("no token");
  const std::string algorithm = text_of(*header, "alg");
  if (std::ranges::find(settings_.algorithms, algorithm) == settings_.algorithms.end())
    return refuse("an algorithm that is not allowed");
  const evp_pkey_st* key = key_of(text_of(*header, "kid"));
  if (key == nullptr) return refuse("a key id that nobody knows");
  if (!is_signed(key, algorithm, token.substr(0, second), *signature)) return refuse("a wrong signature");

  const auto claims = object_of(token.substr(first + 1, second - first - 1));
  if (!claims) return refuse("claims that cannot be read");
  if (text_of(*claims, "iss") != settings_.issuer) return refuse("another issuer");
  if (!names(*claims, "aud", settings_.audience)) return refuse("another audience");
  const auto issued = number_of(*claims, "iat"), expires = number_of(*claims, "exp");
  if (!issued || !expires) return refuse("no time");
  const std::int64_t time = std::chrono::floor<seconds>(now.time_since_epoch()).count();
  const std::int64_t skew = settings_.skew.count();
  if (*expires - *issued > settings_.longest.count()) return refuse("too long a life");
  if (time >= *expires + skew) return refuse("its time is over");
  if (time < *issued - skew || time < number_of(*claims, "nbf").value_or(0) - skew)
    return refuse("its time has not come");
  TokenClaims result;
  result.user = text_of(*claims, "sub");
  if (result.user.empty()) return refuse("no user");
  result.tenant = text_of(*claims, "tenant_id");
  if (result.tenant.empty()) result.tenant = "legacy";
  // Callers are told apart by both with a line feed between: "a\nb" and "c" would be "a" and "b\nc".
  if (result.tenant.contains('\n')) return refuse("a tenant with a line feed");
  result.worker = text_of(*claims, "code_worker_id");
  return result;
}

}  // namespace ci::access
