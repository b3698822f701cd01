#include "store/redis/wire.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>

#include "base/failure.h"

namespace ci::store::redis {

using asio::ip::tcp;
using boost::system::error_code;

namespace {

bool is_end(const error_code& error) {
  return error == asio::error::eof || error == asio::error::connection_reset ||
         error == asio::ssl::error::stream_truncated;
}

size_t checked(const error_code& error, size_t count) {
  if (!error) return count;
  if (is_end(error)) return 0;
  throw boost::system::system_error(error);
}

class PlainWire final : public Wire {
 public:
  explicit PlainWire(asio::any_io_executor executor) : socket_(std::move(executor)) {}

  tcp::socket& socket() override { return socket_; }
  awaitable<void> handshake() override { co_return; }

  awaitable<size_t> read_some(asio::mutable_buffer into) override {
    error_code error;
    const size_t count =
        co_await socket_.async_read_some(asio::buffer(into), asio::redirect_error(asio::use_awaitable, error));
    co_return checked(error, count);
  }

  // Most commands fit into the socket's buffer: trying first spares them a turn of the event loop.
  awaitable<size_t> write_some(asio::const_buffer from) override {
    error_code error;
    const size_t count = socket_.write_some(asio::buffer(from), error);
    if (!error) co_return count;
    if (error != asio::error::would_block) throw boost::system::system_error(error);
    co_return co_await socket_.async_write_some(asio::buffer(from), asio::use_awaitable);
  }

 private:
  tcp::socket socket_;
};

class TlsWire final : public Wire {
 public:
  TlsWire(asio::any_io_executor executor, asio::ssl::context& context, const std::string& host, bool check_hostname)
      : stream_(std::move(executor), context) {
    error_code not_an_address;
    asio::ip::make_address(host, not_an_address);
    // A server with several names shows the certificate of the one that is asked for. Addresses are not names.
    if (not_an_address) ::SSL_set_tlsext_host_name(stream_.native_handle(), host.c_str());
    if (check_hostname) stream_.set_verify_callback(asio::ssl::host_name_verification(host));
  }

  tcp::socket& socket() override { return stream_.next_layer(); }

  awaitable<void> handshake() override {
    co_await stream_.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  }

  awaitable<size_t> read_some(asio::mutable_buffer into) override {
    error_code error;
    const size_t count =
        co_await stream_.async_read_some(asio::buffer(into), asio::redirect_error(asio::use_awaitable, error));
    co_return checked(error, count);
  }

  awaitable<size_t> write_some(asio::const_buffer from) override {
    co_return co_await stream_.async_write_some(asio::buffer(from), asio::use_awaitable);
  }

 private:
  asio::ssl::stream<tcp::socket> stream_;
};

void require(const error_code& error, const char* variable, const std::string& file) {
  if (!error) return;
  // OpenSSL's own words for a missing file are about "system lib"; the kernel's are better.
  struct stat info = {};
  const std::string reason = ::stat(file.c_str(), &info) < 0 ? std::strerror(errno) : error.message();
  throw Failure(FailureKind::invalid, std::string(variable) + ": cannot use " + file + ": " + reason);
}

}  // namespace

void Wire::close() {
  error_code ignored;
  socket().close(ignored);
}

bool Wire::is_quiet() {
  if (!socket().is_open()) return false;
  char byte = 0;
  return ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

std::optional<asio::ssl::context> open_tls(const Target& target) {
  if (!target.tls) return std::nullopt;
  std::optional<asio::ssl::context> context(std::in_place, asio::ssl::context::tls_client);
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  error_code error;
  if (target.ca_file.empty()) {
    context->set_default_verify_paths(error);
  } else {
    context->load_verify_file(target.ca_file, error);
    require(error, "REDIS_SSL_CA_CERTS", target.ca_file);
  }
  if (!target.certificate_file.empty()) {
    context->use_certificate_chain_file(target.certificate_file, error);
    require(error, "REDIS_SSL_CERTFILE", target.certificate_file);
    context->use_private_key_file(target.key_file, asio::ssl::context::pem, error);
    require(error, "REDIS_SSL_KEYFILE", target.key_file);
    if (::SSL_CTX_check_private_key(context->native_handle()) != 1) {
      throw Failure(
          FailureKind::invalid,
          "REDIS_SSL_KEYFILE: " + target.key_file + " is not the key of " + target.certificate_file);
    }
  }
  context->set_verify_mode(target.check_certificate ? asio::ssl::verify_peer : asio::ssl::verify_none);
  return context;
}

std::unique_ptr<Wire> open_wire(
    asio::any_io_executor executor, asio::ssl::context* tls, const std::string& host, bool check_hostname) {
  if (tls == nullptr) return std::make_unique<PlainWire>(std::move(executor));
  return std::make_unique<TlsWire>(std::move(executor), *tls, host, check_hostname);
}

}  // namespace ci::store::redis
