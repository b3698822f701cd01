#include "net/transport.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/system_error.hpp>
#include <string>

namespace ci::net {

using asio::ip::tcp;
using boost::system::error_code;

namespace {

class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(tcp::socket socket) : socket_(std::move(socket)) { socket_.non_blocking(true); }

  awaitable<void> handshake() override { co_return; }

  void read_some(asio::mutable_buffer into, ReadDone done) override { socket_.async_read_some(into, std::move(done)); }

  // Most answers fit into the socket's buffer: trying first spares them a turn of the event loop.
  awaitable<std::size_t> write_some(const Pieces& pieces) override {
    for (;;) {
      error_code error;
      const std::size_t count = socket_.write_some(pieces, error);
      if (!error) co_return count;
      if (error != asio::error::would_block) throw boost::system::system_error(error, "writing to a client");
      co_await socket_.async_wait(tcp::socket::wait_write, asio::use_awaitable);
    }
  }

  awaitable<void> shut_down() override { co_return; }

  void end_writing() override {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(tcp::socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  awaitable<void> handshake() override {
    co_await stream_.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
  }

  void read_some(asio::mutable_buffer into, ReadDone done) override { stream_.async_read_some(into, std::move(done)); }

  awaitable<std::size_t> write_some(const Pieces& pieces) override {
    // One record holds 16 KiB. OpenSSL takes one buffer at a time, so small pieces are joined into one record.
    constexpr std::size_t record = 16 << 10;
    asio::const_buffer next;
    for (const asio::const_buffer& piece : pieces) {
      if (next.size() == 0) next = piece;
    }
    if (next.size() < record && next.size() < asio::buffer_size(pieces)) {
      joined_.resize(std::min(record, asio::buffer_size(pieces)));
      asio::buffer_copy(asio::buffer(joined_), pieces);
      next = asio::buffer(joined_);
    }
    co_return co_await stream_.async_write_some(asio::buffer(next), asio::use_awaitable);
  }

  awaitable<void> shut_down() override {
    error_code ignored;
    co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
  }

  void end_writing() override {
    error_code ignored;
    stream_.next_layer().shutdown(tcp::socket::shutdown_send, ignored);
  }

  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  asio::ssl::stream<tcp::socket> stream_;
  std::string joined_;
};

}  // namespace

std::unique_ptr<Transport> open_tcp_transport(tcp::socket socket) {
  return std::make_unique<TcpTransport>(std::move(socket));
}

std::unique_ptr<Transport> open_tls_transport(tcp::socket socket, asio::ssl::context& context) {
  return std::make_unique<TlsTransport>(std::move(socket), context);
}

}  // namespace ci::net
