#include "app/commands/runner_command.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "app/commands/own_sandboxd.h"
#include "app/server/compose.h"
#include "base/failure.h"
#include "base/log.h"
#include "languages/language.h"
#include "net/server.h"
#include "os/machine.h"
#include "pool/open.h"
#include "runner/runner.h"

namespace ci::app {

namespace {

// What is beside the program in the container: we, sandboxd and the agent.
constexpr std::uint64_t own_memory = 64ull << 20;
constexpr std::chrono::seconds between_looks{5};

// Whoever starts us has it from there, and so would everything that we start.
void forget_token_in_environment() {
  char* token = std::getenv("RUNNER_TOKEN");
  if (token == nullptr) return;
  ::explicit_bzero(token, std::strlen(token));  // also for /proc/PID/environ
  ::unsetenv("RUNNER_TOKEN");
}

class RunnerProcess {
 public:
  explicit RunnerProcess(const LoadedSettings& loaded) : settings_(loaded.values) {
    const languages::Language* language = languages::find(settings_.runner_language);
    if (language == nullptr)
      throw Failure(FailureKind::invalid, "LANGUAGE: there is no language \"" + settings_.runner_language + "\"");
    language_ = language->code;
  }

  int run() {
    std::exception_ptr failure;
    asio::co_spawn(context_, everything(), [&](std::exception_ptr error) { failure = error; });
    context_.run();
    sandboxd_.wait();
    blocking_.join();
    if (failure) std::rethrow_exception(failure);
    return status_;
  }

 private:
  awaitable<void> everything() {
    auto executor = co_await asio::this_coro::executor;
    pool::PoolSettings pool_settings_here = pool_settings(settings_);
    pool_settings_here.enabled = false;
    auto connector = [this]() { return sandboxd_.next(); };
    const auto pool = pool::open_pool(executor, blocking_, pool_settings_here, connector);
    runner::Runner runner(executor, *pool, blocking_, runner_settings());
    net::ServerSettings listening = server_settings(settings_);
    listening.port = static_cast<std::uint16_t>(settings_.runner_port);
    listening.tls = false;
    listening.probes = {"/health", "/ready"};
    net::Server server(executor, listening, [&runner](net::Request& request) { return runner.handle(request); });
    TaskGroup tasks(executor);
    tasks.spawn("listener", server.run());
    tasks.spawn("signals", watch_signals());
    tasks.spawn("life", live(runner));
    if (settings_.runner_token.empty())
      log_warning("RUNNER_TOKEN is not set: whoever reaches the port may use this pod");
    tasks.spawn("sandbox", prepare(runner));
    co_await wait_for_end();
    // The end of the answer is still to be taken.
    const auto left = is_over_ ? std::chrono::seconds(2) : std::chrono::seconds(0);  // gcc12: numbers
    co_await server.stop(after(left));
    co_await tasks.stop();
    runner.drop();
    co_await pool->stop();
  }

  awaitable<void> prepare(runner::Runner& runner) {
    std::string reason;
    try {
      co_await runner.prepare();
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    if (reason.empty()) {
      log_info("ready", {{"language", language_}});
      co_return;
    }
    log_error("cannot run anything", {{"language", language_}, {"reason", reason}});
    status_ = 1;
    end();
  }

  runner::RunnerSettings runner_settings() const {
    runner::RunnerSettings result;
    result.language = language_;
    result.token = settings_.runner_token;
    result.time_limit = settings_.time_limit;
    result.output_bytes = settings_.output_bytes;
    result.file_bytes = settings_.file_bytes;
    result.request_bytes = settings_.request_bytes;
    result.files = static_cast<std::uint32_t>(settings_.files_per_session);
    return result;
  }

  awaitable<void> watch_signals() {
    asio::signal_set signals(co_await asio::this_coro::executor, SIGTERM, SIGINT);
    co_await signals.async_wait(asio::use_awaitable);
    log_info("told to stop");
    end();
  }

  awaitable<void> live(runner::Runner& runner) {
    co_await until_spent_or_idle(runner);
    end();
  }

  // A pod that nobody knows any more must not wait for ever.
  awaitable<void> until_spent_or_idle(runner::Runner& runner) {
    for (;;) {
      const bool spent = co_await runner.wait_until_spent(after(between_looks));
      is_over_ = spent;
      if (spent && !runner.has_had_run()) status_ = 1;
      if (spent) co_return;
      if (!settings_.runner_token.empty() && !runner.is_running() &&
          std::chrono::steady_clock::now() - runner.last_asked() > settings_.pod_ttl) {
        log_warning("nobody has asked for this pod in a long time");
        co_return;
      }
    }
  }

  void end() {
    ended_ = true;
    news_.cancel();
  }

  awaitable<void> wait_for_end() {
    while (!ended_) {
      boost::system::error_code woken;
      co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
  }

  const Settings& settings_;
  std::string language_;
  OwnSandboxd sandboxd_;
  asio::thread_pool blocking_{2};
  asio::io_context context_{1};
  asio::steady_timer news_{context_, Deadline::max()};
  bool ended_ = false, is_over_ = false;
  int status_ = 0;
};

}  // namespace

void adapt_environment_of_runner() {
  ::setenv("ALLOW_WEAK_SANDBOX", "namespaces", 1);
  const std::uint64_t whole = os::usable_memory();
  const char* wanted = std::getenv("MAX_MEMORY_MB");
  const std::uint64_t room = (whole > 2 * own_memory ? whole - own_memory : whole / 2) >> 20;
  const std::uint64_t asked = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 512;
  if (asked > room) ::setenv("MAX_MEMORY_MB", std::to_string(std::max<std::uint64_t>(room, 64)).c_str(), 1);
}

int runner_command(const LoadedSettings& settings) {
  forget_token_in_environment();
  start_log(settings, "runner", LogTarget::output);
  return RunnerProcess(settings).run();
}

}  // namespace ci::app
