#include "net/response_head.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <strings.h>

#include <boost/beast/http/status.hpp>
#include <chrono>
#include <iterator>

namespace ci::net {

namespace {

bool is_framing_header(std::string_view name) {
  for (const std::string_view own : {"Content-Length", "Transfer-Encoding", "Connection", "Date"}) {
    if (name.size() == own.size() && ::strncasecmp(name.data(), own.data(), own.size()) == 0) return true;
  }
  return false;
}

// A header never leaves its line, whatever a handler put into it: that would forge the rest of the answer.
void append_on_one_line(std::string& out, std::string_view text) {
  for (const char c : text) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
}

std::string_view error_type_of(int status) {
  if (status == 408) return "timeout";
  return status >= 500 ? "internal_server" : "validation";
}

}  // namespace

bool is_bodiless(int status) { return status < 200 || status == 204 || status == 304; }

std::string response_head(const Response& response, const ResponseFraming& framing, std::string_view date) {
  std::string head;
  head.reserve(512);
  const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(response.status));
  fmt::format_to(
      std::back_inserter(head), "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
      std::string_view(reason.data(), reason.size()), date);
  for (const auto& [name, value] : response.headers.entries()) {
    if (is_framing_header(name)) continue;
    append_on_one_line(head, name);
    head += ": ";
    append_on_one_line(head, value);
    head += "\r\n";
  }
  if (framing.body == BodyFraming::length) {
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", framing.length);
  }
  if (framing.body == BodyFraming::chunked) head += "Transfer-Encoding: chunked\r\n";
  if (framing.keep_alive == KeepAlive::no) head += "Connection: close\r\n";
  if (framing.keep_alive == KeepAlive::said) head += "Connection: keep-alive\r\n";
  head += "\r\n";
  return head;
}

ResponseFraming choose_framing(const Response& response, bool http_1_0, bool keep) {
  ResponseFraming framing;
  if (is_bodiless(response.status)) {
    framing.body = BodyFraming::none;
  } else if (const auto* text = std::get_if<std::string>(&response.body)) {
    framing.body = BodyFraming::length;
    framing.length = text->size();
  } else if (const auto* source = std::get_if<SourceBody>(&response.body)) {
    framing.body = BodyFraming::length;
    framing.length = source->size;
  } else if (http_1_0) {
    framing.body = BodyFraming::until_close;
    keep = false;
  } else {
    framing.body = BodyFraming::chunked;
  }
  framing.keep_alive = !keep ? KeepAlive::no : http_1_0 ? KeepAlive::said : KeepAlive::yes;
  return framing;
}

void add_security_headers(Headers& headers) {
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("X-Frame-Options", "DENY");
  headers.set("X-XSS-Protection", "1; mode=block");
  headers.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  headers.set("Referrer-Policy", "strict-origin-when-cross-origin");
  headers.set("Permissions-Policy", "geolocation=(), microphone=(), camera=()");
  if (!headers.find("Content-Security-Policy")) headers.set("Content-Security-Policy", "default-src 'self'");
}

Response protocol_error(int status, std::string_view reason, const std::string& request_id) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  // No escaping: the reasons are our own words and an id has only plain characters.
  Response response(
      status, "application/json",
      fmt::format(
          R"({{"error":"{}","error_type":"{}","details":null,"request_id":"{}","timestamp":{:.3f}}})", reason,
          error_type_of(status), request_id, now));
  add_security_headers(response.headers);
  response.headers.set("X-Request-ID", request_id);
  response.close = true;
  return response;
}

std::string_view DateText::now() {
  const auto second = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (second != second_) {
    second_ = second;
    text_ = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(second));
  }
  return text_;
}

}  // namespace ci::net
