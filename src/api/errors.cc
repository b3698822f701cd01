#include "api/errors.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>

#include "api/redact.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/utf8.h"
#include "execution/request.h"
#include "net/status.h"

namespace ci::api {

namespace json = boost::json;

namespace {

constexpr std::size_t longest_text = 1000;     // bytes; a byte takes six at most
constexpr std::size_t longest_details = 4000;  // of all together

// What a refusal repeats of the request can be as long as the request.
std::string shortened(const std::string& text) {
  if (text.size() <= longest_text) return text;
  std::size_t end = longest_text;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside of a character
  return text.substr(0, end) + "…";
}

json::value text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(shortened(text));
}

}  // namespace

std::string_view error_type(int status) {
  switch (status) {
    case 400:
    case 415:
    case 422:
      return "validation";
    case 401:
      return "authentication";
    case 403:
      return "authorization";
    case 404:
      return "resource_not_found";
    case 409:
      return "resource_conflict";
    case 413:
      return "resource_exhausted";
    case 429:
      return "rate_limited";
    case 502:
      return "external_service";
    case 503:
      return "service_unavailable";
    case 408:
    case 504:
      return "timeout";
    default:
      return "internal_server";
  }
}

ApiError ApiError::invalid(std::vector<Detail> details) {
  return ApiError(422, "Request validation failed", std::move(details));
}

ApiError ApiError::rate_limited(std::string message, std::chrono::seconds wait) {
  ApiError error(429, "rate_limited");
  error.message_ = std::move(message);
  error.wait_ = std::max(wait, std::chrono::seconds(1));
  return error;
}

ApiError ApiError::unavailable(std::string text) {
  ApiError error(503, without_paths(text));
  error.wait_ = std::chrono::seconds(1);
  return error;
}

ApiError ApiError::unsupported(std::string message) {
  ApiError error(409, "unsupported_capability");
  error.message_ = std::move(message);
  return error;
}

ApiError ApiError::of_router(int status, std::string text, std::string detail) {
  ApiError error(status, std::move(text));
  error.detail_ = std::move(detail);
  return error;
}

net::Response ApiError::response(const std::string& request_id) const {
  json::object body;
  body["error"] = shortened(error_);
  body["error_type"] = error_type(status_);
  if (!message_.empty()) body["message"] = shortened(message_);
  for (const auto& [field, text] : told_) body[field] = shortened(text);
  if (status_ == 429 && wait_) body["retry_after_seconds"] = wait_->count();
  if (!detail_.empty()) body["detail"] = detail_;
  if (max_bytes_) body["max_bytes"] = *max_bytes_;
  if (details_.empty()) {
    body["details"] = nullptr;
  } else {
    json::array& entries = body["details"].emplace_array();
    std::size_t length = 0;
    for (const Detail& detail : details_) {
      length += detail.field.size() + detail.message.size() + detail.code.size();
      if (!entries.empty() && length > longest_details) break;
      json::object& entry = entries.emplace_back(json::object()).as_object();
      entry["field"] = text_or_null(detail.field);
      entry["message"] = text_or_null(detail.message);
      entry["code"] = text_or_null(detail.code);
    }
  }
  body["request_id"] = request_id;
  // By hand: the library writes 1767950000.125 as 1.767950000125E9.
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  std::string text = json::serialize(body);
  text.pop_back();
  text += fmt::format(",\"timestamp\":{:.3f}}}", now.count());

  // What a client sent may be in it, as any bytes or cut within a character.
  net::Response response(status_, "application/json", repaired(text));
  if (wait_) response.headers.set("Retry-After", std::to_string(wait_->count()));
  for (const auto& [name, value] : headers_.entries()) response.headers.add(name, value);
  return response;
}

ApiError store_failed(const Failure& failure, std::string text) {
  log_error("a store failed", {{"told", text}, {"reason", failure.what()}});
  return ApiError(500, std::move(text));
}

ApiError error_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const ApiError& error) {
    return error;
  } catch (const execution::UnauthorizedReference& error) {
    return ApiError(403, error.what());
  } catch (const Failure& error) {
    if (error.kind() == FailureKind::unavailable) return ApiError::unavailable(error.what());
    if (error.kind() != FailureKind::internal) return ApiError(net::status_of(error.kind()), error.what());
  } catch (...) {
  }
  return ApiError(500, "An unexpected error occurred");
}

}  // namespace ci::api
