#pragma once
// The bytes of one connection, plain or under TLS. One read and one write may run at the same time.
// Used on the I/O thread. Network endings of a write or handshake are thrown as boost::system::system_error.

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <functional>
#include <memory>

#include "base/async.h"

namespace ci::net {

class Transport {
 public:
  // Head, body, tail: what goes out with one system call. Any of them may be empty, not all.
  using Pieces = std::array<asio::const_buffer, 3>;
  using ReadDone = std::move_only_function<void(boost::system::error_code, std::size_t)>;

  virtual ~Transport() = default;

  virtual awaitable<void> handshake() = 0;

  // Calls `done` once, never from within this call; an error is the end of the connection. `into` must stay
  // in place until then, and so must this object.
  virtual void read_some(asio::mutable_buffer into, ReadDone done) = 0;

  // Writes one byte at least, usually all, and says how many.
  virtual awaitable<std::size_t> write_some(const Pieces& pieces) = 0;

  // Says goodbye in the protocol's own way, waiting for the peer where that needs an answer.
  virtual awaitable<void> shut_down() = 0;

  // Sends FIN, so that the peer sees the end while we still read.
  virtual void end_writing() = 0;

  // Ends everything, running calls included. May be called again.
  virtual void close() = 0;
};

std::unique_ptr<Transport> open_tcp_transport(asio::ip::tcp::socket socket);
std::unique_ptr<Transport> open_tls_transport(asio::ip::tcp::socket socket, asio::ssl::context& context);

}  // namespace ci::net
