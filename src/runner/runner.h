#pragma once
// The HTTP server inside an execution pod: one sandbox, one run. It takes that run as one streamed request (POST /run, see
// pool/stream), or as the runner of the Python KubeCodeRun does, in several: POST /files, POST /execute, GET /files. I/O thread.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/async.h"
#include "base/changes.h"
#include "net/http.h"
#include "pool/sandbox_pool.h"
#include "runner/held_files.h"

namespace ci::runner {

struct RunnerSettings {
  std::string language;  // canonical code
  std::string token;     // that requests must show; empty: everybody who reaches the port may run one program
  std::chrono::seconds time_limit{30};   // the longest
  std::uint64_t output_bytes = 1 << 20;  // of each stream, of POST /execute
  std::uint64_t file_bytes = 10 << 20, request_bytes = 50 << 20;
  std::uint32_t files = 100;  // that come back
  std::filesystem::path spool{"/tmp"};
};

class Runner {
 public:
  Runner(asio::any_io_executor executor, pool::SandboxPool& pool, asio::thread_pool& blocking, RunnerSettings settings);
  ~Runner();

  // Makes the sandbox. Fails as `unavailable` when that is impossible.
  awaitable<void> prepare();

  awaitable<net::Response> handle(net::Request& request);

  // True once there is nothing left to do: the streamed run is over, or the sandbox ended before one came. False at the deadline.
  awaitable<bool> wait_until_spent(Deadline deadline);
  bool is_running() const { return stage_ == Stage::running; }
  bool has_had_run() const { return stage_ == Stage::over; }
  // Ends the sandbox, whatever it does.
  void drop() { lease_.reset(); }
  // When somebody who knows the token was last here.
  std::chrono::steady_clock::time_point last_asked() const { return last_asked_; }

 private:
  enum class Stage { preparing, waiting, running, over };
  class Use;
  class Sink;

  awaitable<net::Response> route(net::Request& request);
  bool is_allowed(const net::Request& request) const;
  net::Response health() const;
  net::Response ready();
  awaitable<net::Response> run(net::Request& request);
  awaitable<void> send_events(std::shared_ptr<Use> use, net::BodyWriter& writer);
  awaitable<net::Response> tell(net::Request& request);
  awaitable<net::Response> execute(net::Request& request);
  awaitable<net::Response> upload(net::Request& request);
  net::Response get_file(const net::Request& request);
  net::Response remove_file(const net::Request& request);
  awaitable<net::Response> cancel();

  // The one sandbox, for the language that the request names. Null when it was used already.
  awaitable<std::shared_ptr<Use>> begin(std::string language);

  asio::any_io_executor executor_;
  pool::SandboxPool& pool_;
  asio::thread_pool& blocking_;
  RunnerSettings settings_;
  Stage stage_ = Stage::preparing;
  std::unique_ptr<pool::Lease> lease_;
  std::weak_ptr<Use> use_;  // while a program runs
  HeldFiles files_;
  Changes changes_;
  bool is_spent_ = false;
  bool interrupted_ = false;  // a program of POST /execute is to end
  std::chrono::steady_clock::time_point last_asked_ = std::chrono::steady_clock::now();
};

}  // namespace ci::runner
