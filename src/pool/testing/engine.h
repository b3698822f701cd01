#pragma once
// Sandboxes for real in a test: sandboxd in a process of its own, and a pool over it. Where the host cannot, it says why.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "base/run_until.h"
#include "os/message_socket.h"
#include "pool/open.h"
#include "sandbox/sandboxd.h"

namespace ci::pool::testing {

// sandboxd must be forked before this process has threads: register one with AddGlobalTestEnvironment.
class Engine : public ::testing::Environment {
 public:
  Engine(sandbox::SandboxdSettings host, PoolSettings stock)
      : sandboxd_settings_(std::move(host)), pool_settings_(std::move(stock)) {}

  static sandbox::SandboxdSettings small_sandboxes(const char* runtimes) {
    sandbox::SandboxdSettings settings;
    settings.memory_bytes = 256 << 20;
    settings.workspace_bytes = settings.tmp_bytes = 64 << 20;
    settings.processes = 64;
    settings.runtimes = runtimes;
    return settings;
  }

  void SetUp() override {
    auto [ours, theirs] = os::message_socket_pair();
    sandboxd = ::fork();
    if (sandboxd == 0) {
      ours.reset();
      ::_exit(sandbox::sandboxd_main(sandboxd_settings_, std::move(theirs)));
    }
    socket_ = std::move(ours);
  }

  void TearDown() override {
    pool.reset();
    socket_.reset();
    if (blocking) blocking->join();
    int status = 0;
    ::waitpid(sandboxd, &status, 0);
  }

  // Opens the pool once; a reason when the host cannot run sandboxes.
  const std::string& missing() {
    if (!pool) {
      blocking = std::make_unique<asio::thread_pool>(1);
      pool = open_pool(io.get_executor(), *blocking, pool_settings_, [this]() -> awaitable<UniqueFd> {
        if (!socket_) co_await sleep_for(std::chrono::hours(1));
        co_return std::move(socket_);
      });
      reason = "";
      wait([this]() -> awaitable<void> { co_await pool->warm_up(); });
    }
    return reason;
  }

  // Runs `work` to its end; `reason` is why it failed.
  template <class Work>
  void wait(Work work) {
    bool done = false;
    asio::co_spawn(io, work(), [&](std::exception_ptr failure) {
      done = true;
      try {
        if (failure) std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        reason = error.what();
      }
    });
    run_until(io, [&] { return done; });
  }

  asio::io_context io;
  std::unique_ptr<asio::thread_pool> blocking;
  pid_t sandboxd = -1;  // the process that waits for its end
  std::unique_ptr<SandboxPool> pool;
  std::string reason;

 private:
  sandbox::SandboxdSettings sandboxd_settings_;
  PoolSettings pool_settings_;
  UniqueFd socket_;
};

// Whoever runs that command, and the parents of that, so many up; 0: nobody.
inline pid_t process_of(std::string_view command, int up = 0) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    // Not through iterators, which throw when the process ends between opening and reading.
    std::ostringstream read;
    read << std::ifstream(entry.path() / "cmdline").rdbuf();
    std::string text = read.str();
    std::ranges::replace(text, '\0', ' ');
    if (text != std::string(command) + " ") continue;
    std::filesystem::path at = entry.path();
    for (; up > 0; --up) {
      std::ifstream status(at / "status");
      for (std::string word; status >> word && word != "PPid:";) {
      }
      std::string parent;
      status >> parent;
      at = std::filesystem::path("/proc") / parent;
    }
    return std::stoi(at.filename());
  }
  return 0;
}

}  // namespace ci::pool::testing
