#pragma once
// GET /libraries: what programs find beside the library of their language, by language, name and version. I/O thread.

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/async.h"
#include "libraries/libraries.h"
#include "net/http.h"
#include "os/system_root.h"
#include "pool/sandbox_pool.h"

namespace ci::api {

boost::json::object libraries_json(const std::vector<libraries::Library>& found);

// Where programs find them. Directories need not be there; an empty name is none.
struct LibraryPlaces {
  os::SystemRoot system;
  std::filesystem::path packages;      // the operator's own, for all programs
  std::filesystem::path package_sets;  // has one like it for each set

  // Directories of packages in which a program looks, in this order, that has the set of that name; empty: none.
  std::vector<std::filesystem::path> packages_with(const std::string& set) const;
};

class LibraryRoutes {
 public:
  // Reads files of `places` on `blocking`.
  LibraryRoutes(const pool::SandboxPool& pool, asio::thread_pool& blocking, LibraryPlaces places)
      : pool_(pool), blocking_(blocking), places_(std::move(places)) {}

  // ?language=… for one of them, ?packages=… with what a set has; as for a run, a key may have one without asking.
  awaitable<net::Response> list(net::Request& request);

 private:
  struct Seen {
    std::chrono::steady_clock::time_point at;
    std::vector<libraries::Library> libraries;
  };

  const pool::SandboxPool& pool_;
  asio::thread_pool& blocking_;
  LibraryPlaces places_;
  std::map<std::string, Seen> seen_;  // by set
};

}  // namespace ci::api
