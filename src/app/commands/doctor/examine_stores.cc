#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "app/commands/doctor/examine.h"
#include "base/async.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/run_until.h"
#include "store/open.h"

namespace ci::app {

namespace {

// What stores have to say is said in the findings.
void keep_stores_quiet() {
  LogSettings quiet;
  quiet.level = LogLevel::error;
  configure_log(quiet);
}

// ", connected and answered in 1.2 ms". Fails as the store does.
std::string time_of_answer(asio::io_context& context, awaitable<void> ping) {
  std::exception_ptr failure;
  bool ended = false;
  const auto begin = std::chrono::steady_clock::now();
  asio::co_spawn(context, std::move(ping), [&](std::exception_ptr reason) {
    failure = reason;
    ended = true;
  });
  run_until(context, [&] { return ended; });
  if (failure) std::rethrow_exception(failure);
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  return fmt::format(", connected and answered in {:.1f} ms", time.count());
}

// Where something is kept: on this machine, or at a server that is asked for an answer.
struct Store {
  const char* name;
  std::string where;
  bool is_server = false;
  std::function<std::string()> answer;  // of the server
  const char* loss;
  const char* remedy;
};

void examine_store(Findings& findings, Store store) {
  std::string reason;
  if (store.is_server) {
    keep_stores_quiet();
    try {
      store.where += store.answer();
    } catch (const Failure& failure) {
      reason = failure.what();
      store.where += ": " + reason;
    }
  }
  findings.add("Stores", store.name, reason.empty(), store.where, store.loss, store.remedy, Verdict::weak);
}

}  // namespace

void examine_stores(Findings& findings, const Settings& settings) {
  const std::string here = settings.data_directory.string();
  Store records{
      "records",
      "SQLite in " + here,
      settings.redis.chosen(),
      [&] {
        asio::io_context context{1};
        const auto store = store::open_redis(context.get_executor(), settings.redis);
        return time_of_answer(context, store->ping());
      },
      "the server starts, but is not ready and refuses what needs records",
      "docs/configuration.md, section Redis, says what the message means"};
  if (records.is_server) records.where = store::describe(settings.redis);
  Store files{
      "files",
      "files in " + here,
      settings.s3.chosen(),
      [&] {
        asio::io_context context{1};
        asio::thread_pool pool(1);  // ends, with what it still does, before the context does
        const auto store = store::open_s3(settings.s3, context.get_executor(), pool);
        return time_of_answer(context, store->ping());
      },
      "the server does not become ready and refuses what needs files",
      "docs/configuration.md, section S3"};
  if (files.is_server) {
    files.where = fmt::format(
        "S3 at {}, bucket {}{}", settings.s3.endpoint, settings.s3.bucket, settings.s3.secure ? ", TLS" : "");
  }
  examine_store(findings, std::move(records));
  examine_store(findings, std::move(files));
}

}  // namespace ci::app
