#include "net/request_head.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

namespace ci::net {

namespace http = boost::beast::http;
using boost::beast::iequals;

namespace {

HeadProblem problem_of(const boost::system::error_code& error) {
  HeadProblem problem;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    problem.status = 431;
    problem.reason = "Request headers too large";
  } else if (error == http::error::bad_version) {
    problem.reason = "Unsupported HTTP version";
  } else if (error == http::error::bad_content_length || error == http::error::multiple_content_length) {
    problem.reason = "Invalid Content-Length";
  } else if (error == http::error::bad_transfer_encoding) {
    problem.reason = "Invalid Transfer-Encoding";
  } else {
    problem.reason = "Malformed request";
  }
  return problem;
}

}  // namespace

class RequestHeadParser::Impl {
 public:
  explicit Impl(std::uint32_t limit) : limit_(limit) {
    parser_.header_limit(limit);
    parser_.body_limit(boost::none);
  }

  std::expected<std::optional<RequestHead>, HeadProblem> feed(std::string_view bytes, std::size_t& consumed) {
    consumed = 0;
    boost::system::error_code error;
    while (!parser_.is_header_done()) {
      const std::string_view left = bytes.substr(consumed);
      const std::size_t used = parser_.put(boost::asio::buffer(left.data(), left.size()), error);
      consumed += used;
      total_ += used;
      if (error == http::error::need_more) {
        if (total_ + left.size() - used >= limit_) return std::unexpected(problem_of(http::error::header_limit));
        return std::nullopt;
      }
      if (error) return std::unexpected(problem_of(error));
    }
    if (total_ > limit_) return std::unexpected(problem_of(http::error::header_limit));
    return take();
  }

 private:
  std::expected<std::optional<RequestHead>, HeadProblem> take() {
    const auto& message = parser_.get();
    RequestHead head;
    head.method = std::string(message.method_string());
    head.target = std::string(message.target());
    head.http_1_0 = message.version() < 11;
    head.keep_alive = parser_.keep_alive();
    head.chunked = parser_.chunked();
    if (const auto length = parser_.content_length()) head.content_length = *length;

    HeadProblem problem;
    int hosts = 0;
    int encodings = 0;
    for (const auto& field : message) {
      const std::string_view name(field.name_string().data(), field.name_string().size());
      const std::string_view value(field.value().data(), field.value().size());
      head.headers.add(std::string(name), std::string(value));
      if (field.name() == http::field::host) ++hosts;
      if (field.name() == http::field::expect) head.expects_continue = iequals(field.value(), "100-continue");
      if (field.name() == http::field::transfer_encoding) {
        ++encodings;
        // Beast passes over codings it does not know. We must not guess where such a body ends.
        if (!iequals(field.value(), "chunked")) {
          problem.status = 501;
          problem.reason = "Unsupported Transfer-Encoding";
          return std::unexpected(problem);
        }
      }
    }
    if (encodings > 0 && (!head.chunked || encodings > 1 || head.http_1_0 || head.content_length)) {
      problem.reason = "Invalid Transfer-Encoding";
      return std::unexpected(problem);
    }
    if (hosts > 1 || (hosts == 0 && !head.http_1_0)) {
      problem.reason = "One Host header is required";
      return std::unexpected(problem);
    }
    if (head.http_1_0) head.expects_continue = false;
    return head;
  }

  http::request_parser<http::empty_body> parser_;
  std::size_t limit_;
  std::size_t total_ = 0;
};

RequestHeadParser::RequestHeadParser(std::uint32_t limit) : impl_(std::make_unique<Impl>(limit)) {}
RequestHeadParser::~RequestHeadParser() = default;

std::expected<std::optional<RequestHead>, HeadProblem> RequestHeadParser::feed(
    std::string_view bytes, std::size_t& consumed) {
  return impl_->feed(bytes, consumed);
}

}  // namespace ci::net
