#include "bench/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/url/parse.hpp>
#include <optional>

#include "base/failure.h"

namespace ci::bench {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::chrono::seconds longest_wait{120};
constexpr std::uint64_t largest_answer = 256 << 20;
constexpr std::string_view boundary = "kubecoderun-bench-7d1f0c5e9b";

asio::ssl::context open_trust(const Trust& trust) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_verify_mode(trust.anybody ? asio::ssl::verify_none : asio::ssl::verify_peer);
  beast::error_code error;
  if (trust.authorities.empty()) {
    context.set_default_verify_paths(error);
  } else {
    context.load_verify_file(trust.authorities, error);
  }
  if (error) throw Failure(FailureKind::invalid, "reading certificates " + trust.authorities + ": " + error.message());
  return context;
}

}  // namespace

bool Address::is_local() const {
  if (host == "localhost") return true;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

Address parse_address(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool plain = parsed && parsed->scheme() == "http";
  const bool tls = parsed && parsed->scheme() == "https";
  if ((!plain && !tls) || parsed->host().empty()) {
    throw Failure(FailureKind::invalid, "\"" + url + "\" is not an address like http://127.0.0.1:8000");
  }
  if (parsed->has_userinfo()) throw Failure(FailureKind::invalid, "a key goes with --key and not into the address");
  Address address;
  address.tls = tls;
  address.host = parsed->host_address();
  address.port = parsed->has_port() && !parsed->port().empty() ? std::string(parsed->port()) : (tls ? "443" : "80");
  address.path = std::string(parsed->encoded_path());
  while (address.path.ends_with('/')) address.path.pop_back();
  return address;
}

// Asynchronous calls that are waited for at once: Beast's time limits work for those only.
class HttpClient::Impl {
 public:
  Impl(Address address, std::string key, const Trust& trust)
      : address_(std::move(address)), key_(std::move(key)), tls_(open_trust(trust)) {}

  Reply exchange(http::verb method, const std::string& route, std::string body, const std::string& content_type) {
    http::request<http::string_body> request(method, address_.path + route, 11);
    request.set(http::field::host, host_header());
    request.set("x-api-key", key_);
    if (!content_type.empty()) request.set(http::field::content_type, content_type);
    request.body() = std::move(body);
    request.prepare_payload();
    if (!plain_ && !secure_) connect();
    return secure_ ? exchange_over(*secure_, request) : exchange_over(*plain_, request);
  }

 private:
  template <class Stream>
  Reply exchange_over(Stream& stream, const http::request<http::string_body>& request) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(largest_answer);
    const auto begin = std::chrono::steady_clock::now();
    beast::get_lowest_layer(stream).expires_after(longest_wait);
    finish("sending a request", [&](auto done) {
      http::async_write(stream, request, [done](beast::error_code error, size_t) { done(error); });
    });
    finish("reading an answer", [&](auto done) {
      http::async_read(stream, buffer_, parser, [done](beast::error_code error, size_t) { done(error); });
    });
    Reply reply;
    reply.time = std::chrono::steady_clock::now() - begin;
    auto& response = parser.get();
    reply.status = response.result_int();
    reply.body = std::move(response.body());
    reply.server_timing = std::string(response["Server-Timing"]);
    if (!response.keep_alive()) drop();
    return reply;
  }

  // Beast reads as much at once as the buffer has room, 512 bytes at first, and makes more only for a head that does not fit.
  static beast::flat_buffer large_buffer() {
    beast::flat_buffer buffer;
    buffer.reserve(64 << 10);
    return buffer;
  }

  std::string host_header() const {
    const bool v6 = address_.host.find(':') != std::string::npos;
    return (v6 ? "[" + address_.host + "]" : address_.host) + ":" + address_.port;
  }

  void connect() {
    asio::ip::tcp::resolver resolver(context_);
    beast::error_code error;
    const auto places = resolver.resolve(address_.host, address_.port, error);
    if (error) throw Failure(FailureKind::unavailable, "finding " + address_.host + ": " + error.message());
    const std::string doing = "connecting to " + address_.host + ":" + address_.port;
    if (address_.tls) {
      secure_.emplace(context_, tls_);
      reach(secure_->next_layer(), places, doing);
      ::SSL_set_tlsext_host_name(secure_->native_handle(), address_.host.c_str());
      secure_->set_verify_callback(asio::ssl::host_name_verification(address_.host));
      finish(doing + " with TLS", [&](auto done) {
        secure_->async_handshake(asio::ssl::stream_base::client, [done](beast::error_code failed) { done(failed); });
      });
    } else {
      plain_.emplace(context_);
      reach(*plain_, places, doing);
    }
  }

  void reach(beast::tcp_stream& stream, const asio::ip::tcp::resolver::results_type& places, const std::string& doing) {
    stream.expires_after(std::chrono::seconds(10));
    finish(doing, [&](auto done) {
      stream.async_connect(places, [done](beast::error_code failed, const auto&) { done(failed); });
    });
    stream.socket().set_option(asio::ip::tcp::no_delay(true));
  }

  void drop() {
    plain_.reset();
    secure_.reset();
    buffer_.clear();
  }

  template <class Start>
  void finish(const std::string& doing, Start start) {
    beast::error_code result;
    start([&result](beast::error_code error) { result = error; });
    context_.restart();
    context_.run();
    if (!result) return;
    drop();
    const auto kind = result == beast::error::timeout ? FailureKind::timeout : FailureKind::unavailable;
    throw Failure(kind, doing + ": " + result.message());
  }

  Address address_;
  std::string key_;
  asio::ssl::context tls_;
  asio::io_context context_{1};
  std::optional<beast::tcp_stream> plain_;  // one of the two, while there is a connection
  std::optional<beast::ssl_stream<beast::tcp_stream>> secure_;
  beast::flat_buffer buffer_ = large_buffer();
};

HttpClient::HttpClient(Address address, std::string key, const Trust& trust)
    : impl_(std::make_unique<Impl>(std::move(address), std::move(key), trust)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

Reply HttpClient::post(const std::string& route, std::string json) {
  return impl_->exchange(http::verb::post, route, std::move(json), "application/json");
}

Reply HttpClient::get(const std::string& route) { return impl_->exchange(http::verb::get, route, "", ""); }

Reply HttpClient::remove(const std::string& route) { return impl_->exchange(http::verb::delete_, route, "", ""); }

Reply HttpClient::upload(const std::string& route, std::string_view file_name, std::string_view bytes) {
  std::string body = "--" + std::string(boundary) + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" +
                     std::string(file_name) + "\"\r\nContent-Type: application/octet-stream\r\n\r\n";
  body += bytes;
  body += "\r\n--" + std::string(boundary) + "--\r\n";
  return impl_->exchange(
      http::verb::post, route, std::move(body), "multipart/form-data; boundary=" + std::string(boundary));
}

}  // namespace ci::bench
