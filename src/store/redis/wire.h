#pragma once
// The bytes to and from one server, plain or under TLS. I/O thread only. Network endings are thrown as
// boost::system::system_error.

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "base/async.h"
#include "store/redis/target.h"

namespace ci::store::redis {

class Wire {
 public:
  virtual ~Wire() = default;

  // The socket that is to be connected before anything else is called.
  virtual asio::ip::tcp::socket& socket() = 0;
  // TLS's own; nothing without it.
  virtual awaitable<void> handshake() = 0;
  // At least one byte; 0 when the peer has ended.
  virtual awaitable<size_t> read_some(asio::mutable_buffer into) = 0;
  virtual awaitable<size_t> write_some(asio::const_buffer from) = 0;

  // Ends everything, running calls included.
  void close();
  // Whether it is open and nothing has come that nobody asked for: an end, above all.
  bool is_quiet();
};

// How TLS is spoken; nothing: it is not. Shared by all wires. Missing or broken files fail as `invalid`.
std::optional<asio::ssl::context> open_tls(const Target& target);

// `tls` may be null. The certificate must be of `host` when `check_hostname` is set.
std::unique_ptr<Wire> open_wire(
    asio::any_io_executor executor, asio::ssl::context* tls, const std::string& host, bool check_hostname);

}  // namespace ci::store::redis
