#include "api/exec.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "api/auth.h"
#include "api/errors.h"
#include "api/exec_json.h"
#include "api/key_limits.h"
#include "api/profile.h"
#include "base/failure.h"

namespace ci::api {

namespace {

// Bytes. A larger document takes a millisecond to a second, in which the I/O thread would serve nobody.
constexpr std::size_t quickly_parsed = 128 << 10;

// A failure of ours during a run is worth another try, whatever it was. The log has it already.
ApiError error_of_run(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const execution::UnauthorizedReference&) {
    return error_of(failure);
  } catch (const Failure& error) {
    if (error.kind() == FailureKind::unavailable) return ApiError::unavailable(error.what());
  } catch (...) {
  }
  return ApiError::unavailable("Unexpected error during code execution");
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

// An answer like that of a program that came to its end, not a status that asks for another try: somebody wanted the end.
std::string describe_cancelled(const execution::Run& run) {
  return describe_lost_result(run.session(), "Execution was cancelled");
}

// Whether the answer may begin. While a run waits for a sandbox it may still be a refusal with a status of its own; a turn
// can take so long that who waits would give up before.
bool may_begin(const execution::Run& run) { return run.phase() && *run.phase() != execution::Phase::sandbox; }

// Spaces until the run has ended, then the document: JSON parsers skip them, proxies see that somebody is alive.
awaitable<void> write_spaces_then_result(
    std::shared_ptr<execution::Run::Reader> reader, std::chrono::seconds every, net::BodyWriter& writer) {
  const execution::Run& run = reader->run();
  while (run.state() != execution::RunState::ended) {
    co_await writer.write(" ");
    const Deadline next = after(every);
    while (co_await reader->next(next)) {
    }
  }
  // The status is sent. Clients read stdout and stderr of a 200, not an error.
  std::string document;
  if (run.failure()) {
    document = describe_lost_result(run.session(), error_of_run(run.failure()).what());
  } else if (run.cancelled()) {
    document = describe_cancelled(run);
  } else {
    document = describe_result(run.result());
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
  const access::Principal& principal = principal_of(request);
  const std::chrono::seconds longest = longest_run(principal, settings_.time_limit);
  auto parse = [&] { return parse_execution(body, languages, longest); };
  execution::ExecutionRequest wanted;
  if (body.size() <= quickly_parsed)
    wanted = parse();
  else
    wanted = co_await on_pool(blocking_, parse);
  wanted.memory_limit = principal.ceilings.memory_bytes.value_or(0);
  check_language(principal, wanted.language);
  wanted.packages = package_set_of(principal, wanted.packages, pool_);
  files::Caller caller = caller_of(request);
  if (!wanted.caller.user.empty()) caller.user = std::move(wanted.caller.user);  // the body knows better
  wanted.caller = std::move(caller);
  if (!may_name_session(request)) wanted.session_name.clear();
  wanted.queue = request.queue;
  body = {};

  execution::RunOptions options;
  options.owner = request.caller;
  options.request_id = request.id;
  options.key = principal.short_hash;
  const auto trace = metrics::parse_traceparent(request.headers.find("traceparent").value_or(""));
  if (trace) options.trace = *trace;
  if (places_ != nullptr) options.place = co_await take_place(*places_, principal);
  // Held here, then by the body of the answer: when both are gone, so is the client, and the run ends.
  const auto reader = std::make_shared<execution::Run::Reader>(
      runs_.start(std::move(wanted), std::move(options)), execution::Lag::lose);
  const execution::Run& run = reader->run();
  const bool keep_alive = settings_.keep_alive.count() > 0;
  const Deadline patience = keep_alive ? after(settings_.keep_alive) : Deadline::max();
  while (run.state() != execution::RunState::ended) {
    const bool begins = may_begin(run);
    if (begins && std::chrono::steady_clock::now() >= patience) break;
    Deadline next = Deadline::max();
    if (begins) next = patience;
    co_await reader->next(next);
  }
  if (run.state() != execution::RunState::ended) {
    net::Response response(200, "application/json", "");
    response.body = net::StreamBody([reader, every = settings_.keep_alive](net::BodyWriter& writer) {
      return write_spaces_then_result(reader, every, writer);
    });
    co_return response;
  }
  if (run.failure()) throw error_of_run(run.failure());
  if (run.cancelled()) co_return net::Response(200, "application/json", describe_cancelled(run));
  co_return answer(run.result(), begin);
}

}  // namespace ci::api
