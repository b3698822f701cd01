#pragma once
// What a handler sees of HTTP. Beast stays in the .cc files of this folder.

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/async.h"
#include "base/byte_source.h"
#include "net/body_budget.h"

namespace ci::net {

// Header names compare without regard to case; repeated headers keep their order.
class Headers {
 public:
  void add(std::string name, std::string value) { entries_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);                 // replaces all of that name
  std::optional<std::string_view> find(std::string_view name) const;  // the first one
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

struct Request {
  std::string method;  // "GET", as sent
  std::string path;    // percent-decoded, "//" folded, no trailing '/', no "/v1" in front; "/" at least
  // The path's parts, split before they were decoded: an encoded slash stays inside its segment. Empty for "/".
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;  // decoded
  Headers headers;
  asio::ip::address peer;
  std::string id;                     // of this request: the incoming X-Request-ID when well-formed, else new
  std::vector<std::string> captures;  // filled by the router, one per {name} in the pattern, decoded
  std::string caller;                 // the credential it came with, filled by whoever checks that
  std::string former_caller;          // what the same credential was called once, or empty; filled with `caller`
  std::string queue;                  // those who wait for something scarce take turns by this; filled with `caller`
  // What else is known of the caller, for whoever filled it to read again (api/auth.h): nothing to us.
  std::shared_ptr<const void> principal;

  // The body; reading past `limit` fails as `exhausted` ("Request body too large"), a client that is too slow as
  // `timeout`. Valid until the handler returns. What a handler leaves unread is drained or the connection closed.
  ByteSource* body = nullptr;
  std::optional<std::uint64_t> content_length;
  BodyBudget::Share held;  // the memory that read_body() takes, until the request ends

  std::optional<std::string_view> query_value(std::string_view name) const;
};

// Reads all of the request's body; more than `limit` bytes fails as `exhausted` before they are read, a time at which
// bodies of all clients take too much memory as `unavailable`.
awaitable<std::string> read_body(Request& request, std::uint64_t limit);

// Writes a chunked body piece by piece. write() suspends while the client is slow and throws when it is gone.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  virtual awaitable<void> write(std::string_view bytes) = 0;
};

// A body of known size read from elsewhere (a stored file); sent with Content-Length.
struct SourceBody {
  SourceBody(std::unique_ptr<ByteSource> bytes, std::uint64_t length) : source(std::move(bytes)), size(length) {}
  std::unique_ptr<ByteSource> source;
  std::uint64_t size;
};

// A body that the server asks for after the headers are sent: keep-alive spaces, server-sent events.
// When the client leaves, the running coroutine is cancelled.
using StreamBody = std::function<awaitable<void>(BodyWriter&)>;

struct Response {
  Response() = default;
  Response(int code, std::string content_type, std::string text) : status(code), body(std::move(text)) {
    headers.set("Content-Type", std::move(content_type));
  }

  int status = 200;
  Headers headers;
  std::variant<std::string, SourceBody, StreamBody> body;
  bool close = false;  // end the connection after this answer
};

using Handler = std::function<awaitable<Response>(Request&)>;

}  // namespace ci::net
