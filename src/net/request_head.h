#pragma once
// The request line and headers, parsed and checked. Does no I/O. Beast does the parsing; what decides where a
// body ends (and so could be read differently by a proxy in front of us) is checked again here.

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace ci::net {

// Why a request is refused before any handler sees it.
struct HeadProblem {
  HeadProblem() = default;

  int status = 400;
  std::string reason;
};

struct RequestHead {
  RequestHead() = default;

  std::string method;
  std::string target;  // as sent
  Headers headers;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  bool expects_continue = false;
};

class RequestHeadParser {
 public:
  // Refuses more than `limit` bytes (431).
  explicit RequestHeadParser(std::uint32_t limit);
  ~RequestHeadParser();

  // Takes bytes from the front of `bytes` and says in `consumed` how many; the others, if any, must be at the
  // front again next time, followed by more. Nothing while the end has not been seen.
  std::expected<std::optional<RequestHead>, HeadProblem> feed(std::string_view bytes, std::size_t& consumed);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ci::net
