#pragma once
// Authorities and certificates for tests of TLS, as PEM text.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "base/failure.h"

namespace ci::net::client::testing {

class Certificate {
 public:
  // Signed by `authority`, or by itself, which makes it an authority. `alternative` names a server: "IP:127.0.0.1".
  explicit Certificate(
      const std::string& name, const Certificate* authority = nullptr, const char* alternative = nullptr)
      : key_(::EVP_EC_gen("P-256"), ::EVP_PKEY_free), certificate_(::X509_new(), ::X509_free) {
    static long serial = 0;
    X509* own = certificate_.get();
    const Certificate& issuer = authority != nullptr ? *authority : *this;
    ::X509_set_version(own, X509_VERSION_3);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(own), ++serial);
    ::X509_gmtime_adj(::X509_getm_notBefore(own), -60);
    ::X509_gmtime_adj(::X509_getm_notAfter(own), 3600);
    ::X509_set_pubkey(own, key_.get());
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(own), "CN", MBSTRING_ASC, text, -1, -1, 0);
    ::X509_set_issuer_name(own, ::X509_get_subject_name(issuer.certificate_.get()));
    if (authority == nullptr) extend(NID_basic_constraints, "critical,CA:TRUE");
    if (alternative != nullptr) extend(NID_subject_alt_name, alternative);
    CHECK(::X509_sign(own, issuer.key_.get(), ::EVP_sha256()) > 0);
  }

  std::string certificate() const {
    return text_of([this](BIO* to) { return ::PEM_write_bio_X509(to, certificate_.get()); });
  }
  std::string key() const {
    return text_of(
        [this](BIO* to) { return ::PEM_write_bio_PrivateKey(to, key_.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }

 private:
  void extend(int what, const char* value) {
    X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, what, value);
    CHECK(extension != nullptr);
    ::X509_add_ext(certificate_.get(), extension, -1);
    ::X509_EXTENSION_free(extension);
  }
  template <class Write>
  static std::string text_of(Write write) {
    const std::unique_ptr<BIO, decltype(&::BIO_free)> memory(::BIO_new(::BIO_s_mem()), ::BIO_free);
    CHECK(write(memory.get()) == 1);
    char* bytes = nullptr;
    const long size = ::BIO_get_mem_data(memory.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }

  std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&::X509_free)> certificate_;
};

}  // namespace ci::net::client::testing
