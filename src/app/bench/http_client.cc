#include "app/bench/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/url/parse.hpp>
#include <optional>

#include "base/failure.h"

namespace ci::bench {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::chrono::seconds longest_wait{120};
constexpr std::uint64_t largest_answer = 64 << 20;

}  // namespace

Address parse_address(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->scheme() != "http" || parsed->host().empty()) {
    throw Failure(FailureKind::invalid, "\"" + url + "\" is not an address like http://127.0.0.1:8000");
  }
  Address address;
  address.host = parsed->host_address();
  address.port = parsed->has_port() && !parsed->port().empty() ? std::string(parsed->port()) : "80";
  address.path = std::string(parsed->encoded_path());
  while (address.path.ends_with('/')) address.path.pop_back();
  return address;
}

// Asynchronous calls that are waited for at once: Beast's time limits work for those only.
class HttpClient::Impl {
 public:
  Impl(Address address, std::string key) : address_(std::move(address)), key_(std::move(key)) {}

  Reply exchange(http::verb method, const std::string& route, const std::string& body) {
    http::request<http::string_body> request(method, address_.path + route, 11);
    request.set(http::field::host, address_.host + ":" + address_.port);
    request.set("x-api-key", key_);
    if (method == http::verb::post) request.set(http::field::content_type, "application/json");
    request.body() = body;
    request.prepare_payload();
    if (!stream_) connect();

    http::response_parser<http::string_body> parser;
    parser.body_limit(largest_answer);
    const auto begin = std::chrono::steady_clock::now();
    stream_->expires_after(longest_wait);
    finish("sending a request", [&](auto done) {
      http::async_write(*stream_, request, [done](beast::error_code error, size_t) { done(error); });
    });
    finish("reading an answer", [&](auto done) {
      http::async_read(*stream_, buffer_, parser, [done](beast::error_code error, size_t) { done(error); });
    });
    Reply reply;
    reply.time = std::chrono::steady_clock::now() - begin;
    const auto& response = parser.get();
    reply.status = response.result_int();
    reply.body = response.body();
    reply.server_timing = std::string(response["Server-Timing"]);
    if (!response.keep_alive()) drop();
    return reply;
  }

 private:
  void connect() {
    asio::ip::tcp::resolver resolver(context_);
    beast::error_code error;
    const auto places = resolver.resolve(address_.host, address_.port, error);
    if (error) throw Failure(FailureKind::unavailable, "finding " + address_.host + ": " + error.message());
    stream_.emplace(context_);
    stream_->expires_after(std::chrono::seconds(10));
    finish("connecting to " + address_.host + ":" + address_.port, [&](auto done) {
      stream_->async_connect(places, [done](beast::error_code failed, const auto&) { done(failed); });
    });
    stream_->socket().set_option(asio::ip::tcp::no_delay(true));
  }

  void drop() {
    stream_.reset();
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
  asio::io_context context_{1};
  std::optional<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
};

HttpClient::HttpClient(Address address, std::string key)
    : impl_(std::make_unique<Impl>(std::move(address), std::move(key))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

Reply HttpClient::post(const std::string& route, const std::string& json) {
  return impl_->exchange(http::verb::post, route, json);
}

Reply HttpClient::get(const std::string& route) { return impl_->exchange(http::verb::get, route, ""); }

}  // namespace ci::bench
