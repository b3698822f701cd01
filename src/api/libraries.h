#pragma once
// GET /libraries: what programs find beside the library of their language, by language, name and version.

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/async.h"
#include "libraries/libraries.h"
#include "net/http.h"
#include "pool/sandbox_pool.h"

namespace ci::api {

boost::json::object libraries_json(const std::vector<libraries::Library>& found);

class LibraryRoutes {
 public:
  // Reads files of this machine on `blocking`.
  LibraryRoutes(const pool::SandboxPool& pool, asio::thread_pool& blocking) : pool_(pool), blocking_(blocking) {}

  // ?language=… for one of them.
  awaitable<net::Response> list(net::Request& request);

 private:
  struct Seen {
    std::chrono::steady_clock::time_point at;
    std::vector<libraries::Library> libraries;
  };

  const pool::SandboxPool& pool_;
  asio::thread_pool& blocking_;
  std::optional<Seen> seen_;
};

}  // namespace ci::api
