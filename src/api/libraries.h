#pragma once
// GET /libraries: what programs find beside the library of their language, by language, name and version.

#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <vector>

#include "base/async.h"
#include "libraries/libraries.h"
#include "net/http.h"
#include "os/system_root.h"
#include "pool/sandbox_pool.h"

namespace ci::api {

boost::json::object libraries_json(const std::vector<libraries::Library>& found);

class LibraryRoutes {
 public:
  // Reads files of the system that programs see on `blocking`.
  LibraryRoutes(const pool::SandboxPool& pool, asio::thread_pool& blocking, os::SystemRoot system)
      : pool_(pool), blocking_(blocking), system_(std::move(system)) {}

  // ?language=… for one of them.
  awaitable<net::Response> list(net::Request& request);

 private:
  struct Seen {
    std::chrono::steady_clock::time_point at;
    std::vector<libraries::Library> libraries;
  };

  const pool::SandboxPool& pool_;
  asio::thread_pool& blocking_;
  os::SystemRoot system_;
  std::optional<Seen> seen_;
};

}  // namespace ci::api
