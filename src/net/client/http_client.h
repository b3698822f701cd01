#pragma once
// Calls to other servers over HTTP/1.1: object stores, metadata services, cluster APIs. Built, used and destroyed on
// the I/O thread; nothing here blocks it. Connections stay open and are used again.
//
// What the other side answers is a value, whatever its status; redirects are not followed. Everything else, from a
// name that does not resolve to silence in the middle of a body, is a Failure of kind `unavailable` that names host and
// reason. What a streamed body fails with goes through as it is.

#include <chrono>
#include <cstddef>
#include <cstdint>
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

// Who is believed to be the other side, and who we are to it. PEM text, so that it may come from anywhere.
struct Tls {
  Tls() = default;
  std::string authorities;       // these alone; empty: those of the settings
  std::string certificate, key;  // ours, for servers that ask; empty: none
};

// A body that is made while it is sent: no more of it is read than the other side takes.
struct StreamedBody {
  StreamedBody() = default;
  explicit StreamedBody(std::unique_ptr<ByteSource> bytes, std::optional<std::uint64_t> length = {})
      : source(std::move(bytes)), size(length) {}
  std::unique_ptr<ByteSource> source;
  std::optional<std::uint64_t>
      size;  // nothing: it goes out in chunks. Fewer bytes than this are a failure, more are not sent
};

struct Request {
  Request(std::string verb, std::string address) : method(std::move(verb)), url(std::move(address)) {}

  std::string method;
  std::string url;                   // goes out as it is: encoded by the caller
  std::vector<std::string> headers;  // "Name: value"
  std::span<const std::byte> body;   // kept by the caller until the answer's head is there
  StreamedBody streamed;             // in place of `body`; sent while somebody waits for the answer, or for more of it
  Tls tls;
  Deadline deadline = Deadline::max();       // of the answer's head
  std::chrono::milliseconds silence{30000};  // longest time without a byte in either direction while somebody waits
  std::optional<std::chrono::milliseconds> silence_of_answer;  // once its head has come; nothing: the same
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
