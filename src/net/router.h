#pragma once
// Which handler answers a method and a path. Filled once at start, then read only.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace ci::net {

class Router {
 public:
  // `pattern` like "/files/{session}/{file}"; a capture is one non-empty segment.
  // Returns its number: how many were added before it.
  std::size_t add(std::string method, std::string_view pattern, Handler handler);

  struct Match {
    const Handler* handler = nullptr;  // null: nobody answers
    bool path_known = false;           // another method would be answered: 405 and not 404
    std::size_t number = 0;            // of the route; without a handler of another one of the path, when that is known
    std::vector<std::string> captures;
    std::string_view pattern;  // for logs and metrics: bounded in number, unlike paths
  };
  // HEAD finds the GET handler when there is no other.
  Match find(const Request& request) const { return find(request.method, request.segments); }
  Match find(std::string_view method, std::span<const std::string> segments) const;
  // The same for a decoded path, which must not hold encoded slashes.
  Match find(std::string_view method, std::string_view path) const;

  // The methods that the path answers, joined with ", ", for the Allow header.
  std::string allowed(const Request& request) const { return allowed(request.segments); }
  std::string allowed(std::span<const std::string> segments) const;
  std::string allowed(std::string_view path) const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    std::vector<std::string> segments;
    Handler handler;
    std::size_t number = 0;
  };
  std::vector<Route> routes_;
};

}  // namespace ci::net
