#pragma once
// The listener: TCP or TLS, HTTP/1.1 with keep-alive and pipelining (answers in order), limits and time-outs.
// Runs on the I/O thread.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "net/http.h"

namespace ci::net {

struct ServerSettings {
  std::string host = "0.0.0.0";
  std::uint16_t port = 8000;  // 0: the kernel picks one, see Server::port()
  bool tls = false;
  std::string certificate_file;              // PEM chain
  std::string key_file;                      // PEM
  std::string ca_file;                       // PEM bundle, optional: completes our chain; clients need no certificate
  std::uint32_t header_limit = 64 << 10;     // bytes of the header block: 431 above
  std::chrono::seconds header_timeout{20};   // from the first byte of a request to the end of its headers
  std::chrono::seconds idle_timeout{120};    // between requests; longer than usual proxies'
  std::chrono::seconds body_timeout{30};     // without any progress of a body, either way
  std::chrono::seconds body_head_start{30};  // of waiting for a body's bytes, before a rate is asked for …
  std::uint64_t least_bytes_per_second = 1024;  // … of at least so much on average
  std::uint64_t body_memory = 256 << 20;        // of the bodies that handlers read whole, all clients together

  // Connections, see net/admission.h
  std::size_t max_connections = 4096;
  std::size_t max_connections_per_address = 2048;
  std::size_t reserved_connections = 16;     // beyond those, for probes only
  std::chrono::seconds reserved_timeout{5};  // from its beginning to the end of the headers of one of those
  std::vector<std::string> probes;           // paths
  // Addresses from which many clients come: their number of connections has no limit of its own. May be empty.
  std::function<bool(const asio::ip::address&)> is_proxy;
};

// Called for every request; must not throw. Adds nothing to the answer beyond what HTTP needs
// (Content-Length or chunks, Connection, Date): security headers and errors are the handler's, except in the answers below.
// A handler whose client leaves is cancelled, and so is one that stop() cuts; what it then returns is not sent.
// Only requests that no handler can see (malformed, too large, too slow headers) are answered by the server.
//
// Destroyed after stop() has completed, or when the executor will not run anything any more.
class Server {
 public:
  // Opens the socket: a taken port or unreadable certificate fails with a sentence that says so.
  Server(asio::any_io_executor executor, const ServerSettings& settings, Handler handler);
  ~Server();

  std::uint16_t port() const;

  // Accepts until stop() is called.
  awaitable<void> run();

  // Stops accepting, lets running requests finish until the deadline, closes idle connections at once,
  // then cuts the rest. Returns when no connection is left.
  awaitable<void> stop(Deadline deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ci::net
