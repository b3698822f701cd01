#include "api/exec.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <optional>

#include "api/auth.h"
#include "api/errors.h"
#include "api/exec_json.h"
#include "api/profile.h"
#include "base/failure.h"
#include "base/log.h"

namespace ci::api {

namespace {

// One run under way.
class Job {
 public:
  explicit Job(const asio::any_io_executor& executor) : news_(executor), abandoned_(executor, Deadline::max()) {}

  // Whether the answer may begin. While it waits for a sandbox it may still be a refusal with a status of its own; a turn can
  // take so long that who waits would give up before.
  bool may_begin() const { return phase_ && *phase_ != execution::Phase::sandbox; }
  bool done() const { return done_; }
  // As soon as it may begin.
  const std::string& session() const { return session_; }
  // Its result or its failure, when it is done.
  execution::ExecutionResult take() {
    if (failure_) std::rethrow_exception(failure_);
    return std::move(result_);
  }

  // Returns at the deadline, or earlier when something has happened. One waiter at a time.
  awaitable<void> wait_for_news(Deadline deadline) {
    boost::system::error_code ended;
    news_.expires_at(deadline);
    co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  }

  void abandon() { abandoned_.cancel(); }

  // Runs until the end, or until nobody wants it any more.
  static awaitable<void> run(
      std::shared_ptr<Job> job, execution::Executions& executions, execution::ExecutionRequest request) {
    auto executor = co_await asio::this_coro::executor;
    execution::OnPhase on_phase = [job = job.get()](execution::Phase phase, const std::string& session) {
      job->phase_ = phase;
      job->session_ = session;
      job->news_.cancel();
    };
    execution::OnOutput nobody_listens;
    try {
      auto race = asio::experimental::make_parallel_group(
          asio::co_spawn(
              executor, executions.run(std::move(request), std::move(on_phase), std::move(nobody_listens)),
              asio::deferred),
          job->abandoned_.async_wait(asio::deferred));
      auto [order, failure, result, ended] =
          co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
      job->failure_ = failure;
      job->result_ = std::move(result);
    } catch (...) {
      job->failure_ = std::current_exception();
    }
    job->done_ = true;
    job->news_.cancel();
  }

 private:
  asio::steady_timer news_;
  asio::steady_timer abandoned_;  // never expires: cancelling it is the sign
  std::optional<execution::Phase> phase_;
  std::string session_;
  bool done_ = false;
  execution::ExecutionResult result_;
  std::exception_ptr failure_;
};

// A failure of ours during a run is worth another try, whatever it was.
ApiError error_of_run(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const execution::UnauthorizedReference&) {
    return error_of(failure);
  } catch (const Failure& error) {
    log_error("run failed", {{"reason", error.what()}});
    if (error.kind() == FailureKind::unavailable) return ApiError::unavailable(error.what());
  } catch (const std::exception& error) {
    log_error("run failed", {{"reason", error.what()}});
  }
  return ApiError::unavailable("Unexpected error during code execution");
}

bool is_cancelled(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

// "place files;dur=0.21": names are tokens, so spaces become '_'.
std::string server_timing(const execution::ExecutionResult& result, std::chrono::microseconds total) {
  std::string text;
  const auto add = [&](std::string name, std::uint64_t microseconds) {
    std::ranges::replace_if(name, [](unsigned char c) { return !std::isalnum(c); }, '_');
    text += fmt::format("{}{};dur={:.3f}", text.empty() ? "" : ", ", name, static_cast<double>(microseconds) / 1000);
  };
  for (const auto& [name, time] : result.steps) add(name, time);
  for (const auto& [name, time] : result.outcome.steps) add("sandbox_" + name, time);
  add("total", static_cast<std::uint64_t>(total.count()));
  return text;
}

// `begin` is when the request had been read.
net::Response answer(const execution::ExecutionResult& result, std::chrono::steady_clock::time_point begin) {
  net::Response response(200, "application/json", describe_result(result));
  const auto total = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  response.headers.set("Server-Timing", server_timing(result, total));
  return response;
}

// Spaces until the run is done, then the document: JSON parsers skip them, proxies see that somebody is alive.
awaitable<void> write_spaces_then_result(
    std::shared_ptr<Job> job, std::chrono::seconds every, net::BodyWriter& writer) {
  while (!job->done()) {
    co_await writer.write(" ");
    const Deadline next = after(every);
    while (!job->done() && std::chrono::steady_clock::now() < next) co_await job->wait_for_news(next);
  }
  std::string document;
  try {
    document = describe_result(job->take());
  } catch (...) {
    const std::exception_ptr failure = std::current_exception();
    if (is_cancelled(failure)) throw;
    // The status is sent. Clients read stdout and stderr of a 200, not an error.
    document = describe_lost_result(job->session(), error_of_run(failure).what());
  }
  co_await writer.write(document);
}

}  // namespace

awaitable<net::Response> ExecRoutes::post(net::Request& request) {
  check_environment(request, settings_);
  std::string body = co_await net::read_body(request, settings_.json_bytes);
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<std::string> languages = pool_.languages();
  // Nobody knows yet what can be run here: that says nothing about the request.
  if (languages.empty()) throw ApiError::unavailable(pool_.unavailable());
  execution::ExecutionRequest wanted = parse_execution(body, languages, settings_.time_limit);
  files::Caller caller = caller_of(request);
  if (!wanted.caller.user.empty()) caller.user = std::move(wanted.caller.user);  // the body knows better
  wanted.caller = std::move(caller);
  if (!may_name_session(request)) wanted.session_name.clear();
  wanted.queue = request.queue;
  body = {};

  auto executor = co_await asio::this_coro::executor;
  auto begun = std::make_shared<Job>(executor);
  tasks_.spawn("run", Job::run(begun, executions_, std::move(wanted)));
  // Owned here, then by the body of the answer: when both are gone, so is the client. The task is the second owner.
  const std::shared_ptr<Job> job(begun.get(), [begun](Job*) { begun->abandon(); });
  begun.reset();

  const Deadline patience = settings_.keep_alive.count() == 0 ? Deadline::max() : after(settings_.keep_alive);
  while (!job->done() && !(job->may_begin() && std::chrono::steady_clock::now() >= patience)) {
    const Deadline next = job->may_begin() ? patience : Deadline::max();
    co_await job->wait_for_news(next);
  }
  if (!job->done()) {
    net::Response response(200, "application/json", "");
    response.body = net::StreamBody([job, every = settings_.keep_alive](net::BodyWriter& writer) {
      return write_spaces_then_result(job, every, writer);
    });
    co_return response;
  }
  std::exception_ptr failure;
  try {
    co_return answer(job->take(), begin);
  } catch (...) {
    failure = std::current_exception();
  }
  if (is_cancelled(failure)) std::rethrow_exception(failure);
  throw error_of_run(failure);
}

}  // namespace ci::api
