#pragma once
// Calls to other servers over HTTP/1.1: object stores, metadata services, cluster APIs. Built, used and destroyed on
// the I/O thread; nothing here blocks it. Connections stay open and are used again.
//
// What the other side answers is a value, whatever its status; redirects are not followed. Everything else, from a
// name that does not resolve to silence in the middle of a body, is a Failure of kind `unavailable` that names host and
// reason.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/async.h"
#include "base/byte_source.h"

namespace ci::net::client {

struct Settings {
  std::string ca_file;  // PEM, in place of the authorities of this system
  bool proxies = true;  // of the environment: https_proxy, no_proxy …
  std::chrono::milliseconds connect_timeout{3000};
  int connections = 256;  // to one host at the same time; more wait
};

struct Request {
  Request(std::string verb, std::string address) : method(std::move(verb)), url(std::move(address)) {}

  std::string method;
  std::string url;                         // goes out as it is: encoded by the caller
  std::vector<std::string> headers;        // "Name: value"
  std::span<const std::byte> body;         // kept by the caller until the answer's head is there
  Deadline deadline = Deadline::max();     // of the answer's head
  std::chrono::milliseconds silence{30000};  // longest time without a byte in either direction while somebody waits
};

// The head of an answer.
struct Head {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in the order sent

  const std::string* find(std::string_view name) const;  // lower case; the first; null when absent
};

struct Response {
  Head head;
  std::string body;
};

class Transfer;
class Engine;

// An answer whose head is there and whose body is read as it is wanted: at most 256 KiB wait in memory, and the other
// side is held back. Destroying it before the end closes the connection.
class Stream final : public ByteSource {
 public:
  explicit Stream(std::unique_ptr<Transfer> transfer);
  ~Stream() override;

  const Head& head() const;
  awaitable<size_t> read_some(std::span<std::byte> into) override;

 private:
  std::unique_ptr<Transfer> transfer_;
};

class Client {
 public:
  Client(asio::any_io_executor executor, Settings settings);
  ~Client();  // streams may outlive it
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  awaitable<std::unique_ptr<Stream>> open(Request request);
  // With the whole body, which must be complete by the deadline; more than `limit` bytes fail as `internal`.
  awaitable<Response> send(Request request, size_t limit = 1 << 20);

 private:
  std::shared_ptr<Engine> engine_;  // transfers under way own it too
};

}  // namespace ci::net::client
