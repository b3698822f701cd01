#pragma once
// For commands that work on a server's store without the server, also while it runs: the records, opened as the server's user where
// we are root, so that every file stays the server's.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>

#include "app/settings/settings.h"
#include "base/async.h"
#include "metrics/history.h"
#include "store/key_value_store.h"

namespace ci::app {

class StoreSession {
 public:
  // Fails as `invalid` when this server keeps nothing here, or keeps it where we may not read.
  explicit StoreSession(const Settings& settings);
  ~StoreSession();
  StoreSession(const StoreSession&) = delete;
  StoreSession& operator=(const StoreSession&) = delete;

  store::KeyValueStore& records() { return *records_; }
  // What the server writes of its runs. Opened when it is first asked for.
  metrics::History& history();

  // Runs it to its end. The result must have a default.
  template <class T>
  T run(awaitable<T> work) {
    std::optional<T> result;
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(context_, std::move(work), [&](std::exception_ptr error, T value) {
      failure = error;
      result = std::move(value);
      done = true;
    });
    finish(done);
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
  }

 private:
  void finish(const bool& done);

  const Settings& settings_;
  std::filesystem::path data_;
  asio::io_context context_{1};
  asio::thread_pool blocking_{2};
  std::unique_ptr<store::KeyValueStore> records_;
  std::unique_ptr<metrics::History> history_;
};

}  // namespace ci::app
