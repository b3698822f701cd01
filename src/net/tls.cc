#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <cstring>

#include "base/failure.h"

namespace ci::net {

using boost::system::error_code;

namespace {

void require(const error_code& error, const std::string& setting, const std::string& file) {
  if (!error) return;
  // OpenSSL's own words for a missing file are about "system lib"; the kernel's are better.
  struct stat info = {};
  const std::string reason = ::stat(file.c_str(), &info) < 0 ? std::strerror(errno) : error.message();
  throw Failure(FailureKind::invalid, setting + ": cannot use " + file + ": " + reason);
}

// Picks HTTP/1.1; a client that offers only other protocols goes on without an agreement, as without ALPN.
int choose_protocol(
    SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
    unsigned int offered_size, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (::SSL_select_next_proto(&found, chosen_size, ours, sizeof ours - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

asio::ssl::context open_tls_context(const ServerSettings& settings) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  ::SSL_CTX* native = context.native_handle();
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  ::SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  ::SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);

  error_code error;
  context.use_certificate_chain_file(settings.certificate_file, error);
  require(error, "SSL_CERT_FILE", settings.certificate_file);
  context.use_private_key_file(settings.key_file, asio::ssl::context::pem, error);
  // Reading the key compares it with the certificate.
  if (error.category() == asio::error::get_ssl_category() &&
      ERR_GET_REASON(static_cast<unsigned long>(error.value())) == X509_R_KEY_VALUES_MISMATCH) {
    throw Failure(
        FailureKind::invalid, "SSL_KEY_FILE: the key " + settings.key_file + " does not belong to the certificate " +
                                  settings.certificate_file);
  }
  require(error, "SSL_KEY_FILE", settings.key_file);
  if (!settings.ca_file.empty()) {
    context.load_verify_file(settings.ca_file, error);
    require(error, "SSL_CA_CERTS", settings.ca_file);
  }
  return context;
}

}  // namespace ci::net
