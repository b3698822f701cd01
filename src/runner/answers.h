#pragma once
// Answers of the runner: JSON, with what was wrong under "detail".

#include <boost/json.hpp>
#include <string_view>

#include "net/http.h"

namespace ci::runner {

inline constexpr const char* working_directory = "/mnt/data";

inline net::Response answer(int status, const boost::json::object& body) {
  return net::Response(status, "application/json", boost::json::serialize(body));
}

inline net::Response refusal(int status, std::string_view detail) {
  boost::json::object body;
  body["detail"] = detail;
  return answer(status, body);
}

// As the runner before us sent it.
inline net::Response plain_refusal(int status, std::string_view detail) {
  net::Response response = refusal(status, detail);
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  return response;
}

}  // namespace ci::runner
