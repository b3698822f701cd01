#pragma once
// JSON as answers.

#include <boost/json.hpp>

#include "net/http.h"

namespace ci::api {

inline net::Response json_response(int status, const boost::json::value& body) {
  return net::Response(status, "application/json", boost::json::serialize(body));
}

}  // namespace ci::api
