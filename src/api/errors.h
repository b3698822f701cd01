#pragma once
// What goes wrong, as clients read it: the one table from failures to statuses, and the one error envelope.

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/failure.h"
#include "net/http.h"

namespace ci::api {

struct Detail {
  std::string field, message, code;
};

// Thrown by handlers: the request ends with this status and the envelope.
class ApiError : public std::exception {
 public:
  ApiError(int status, std::string error) : status_(status), error_(std::move(error)) {}
  ApiError(int status, std::string error, std::vector<Detail> details)
      : status_(status), error_(std::move(error)), details_(std::move(details)) {}

  // 422, one entry for each bad field.
  static ApiError invalid(std::vector<Detail> details);
  // 429 in the form that clients parse.
  static ApiError rate_limited(std::string message, std::chrono::seconds wait);
  static ApiError unavailable(std::string error);  // 503, worth another try
  // 409 with the word by which clients know that trying again is of no use: never for something that may pass.
  static ApiError unsupported(std::string message);
  // 404 and 405 of the router also have the text that web frameworks send.
  static ApiError of_router(int status, std::string error, std::string detail);

  const char* what() const noexcept override { return error_.c_str(); }
  int status() const { return status_; }
  // Told beside the error: a sentence where the error itself is a word, how much would have been taken, and other fields.
  void set_message(std::string message) { message_ = std::move(message); }
  void set_max_bytes(std::uint64_t bytes) { max_bytes_ = bytes; }
  void tell(std::string field, std::string text) { told_.emplace_back(std::move(field), std::move(text)); }
  void set_details(std::vector<Detail> details) { details_ = std::move(details); }
  void add_header(std::string name, std::string value) { headers_.add(std::move(name), std::move(value)); }

  // Short whatever the request held: clients read no more than 64 KiB of a refusal.
  net::Response response(const std::string& request_id) const;

 private:
  int status_;
  std::string error_;
  std::vector<Detail> details_;
  std::string message_;
  std::string detail_;
  std::vector<std::pair<std::string, std::string>> told_;
  std::optional<std::uint64_t> max_bytes_;
  std::optional<std::chrono::seconds> wait_;
  net::Headers headers_;
};

// A failure of the store, which the log has, is 500 with `text` to the client.
ApiError store_failed(const Failure& failure, std::string text);
template <class T>
awaitable<T> or_store_failed(awaitable<T> work, std::string text) {
  try {
    co_return co_await std::move(work);
  } catch (const Failure& failure) {
    throw store_failed(failure, std::move(text));
  }
}

// What the client is told of any exception; no inner text of what it cannot change.
ApiError error_of(const std::exception_ptr& failure);

// "validation" for 422 and so on.
std::string_view error_type(int status);

}  // namespace ci::api
