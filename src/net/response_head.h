#pragma once
// The status line and headers of an answer as text, and the answers the server gives by itself.

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http.h"

namespace ci::net {

enum class BodyFraming { none, length, chunked, until_close };
enum class KeepAlive { no, yes, said };  // said: with "Connection: keep-alive", for HTTP/1.0

struct ResponseFraming {
  ResponseFraming() = default;
  BodyFraming body = BodyFraming::none;
  std::uint64_t length = 0;
  KeepAlive keep_alive = KeepAlive::yes;
};

// Ends with the empty line. Framing headers in `response` are left out in favour of `framing`; line breaks in
// header values become spaces. `date` is the Date header's value.
std::string response_head(const Response& response, const ResponseFraming& framing, std::string_view date);

// Whether answers of this status have no body at all: 1xx, 204, 304.
bool is_bodiless(int status);

// How the body of this answer is told apart from what follows: by its length where that is known. A client of HTTP/1.0 knows no chunks.
// `keep`: whether the connection could be used again.
ResponseFraming choose_framing(const Response& response, bool http_1_0, bool keep);

// What tells browsers to be careful, on every answer whoever gives it. A Content-Security-Policy that is there stays.
void add_security_headers(Headers& headers);

// The JSON error that every client of ours understands; ends the connection.
Response protocol_error(int status, std::string_view reason, const std::string& request_id);

// "Sun, 06 Nov 1994 08:49:37 GMT", formatted once per second. One owner, the I/O thread.
class DateText {
 public:
  std::string_view now();

 private:
  std::int64_t second_ = -1;
  std::string text_;
};

}  // namespace ci::net
