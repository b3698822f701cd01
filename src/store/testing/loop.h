#pragma once
// Runs coroutines to their end in a test: one I/O thread (the test's) and a pool, as in the server.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <cstdlib>

#include "base/async.h"
#include "base/failure.h"
#include "base/run_until.h"
#include "store/object_store.h"

namespace ci::store::testing {

class Loop {
 public:
  ~Loop() { pool_.join(); }

  asio::thread_pool& pool() { return pool_; }
  asio::any_io_executor executor() { return context_.get_executor(); }

  // The result of `work`, or its exception.
  template <class T>
  T run(awaitable<T> work) {
    std::exception_ptr failure;
    if constexpr (std::is_void_v<T>) {
      asio::co_spawn(context_, std::move(work), [&](std::exception_ptr ended) { end(failure, ended); });
      drive(1);
      if (failure) std::rethrow_exception(failure);
    } else {
      // Through a void coroutine, because co_spawn wants results with a default.
      std::optional<T> result;
      asio::co_spawn(context_, keep(std::move(work), result), [&](std::exception_ptr ended) { end(failure, ended); });
      drive(1);
      if (failure) std::rethrow_exception(failure);
      return std::move(*result);
    }
  }

  // All at once. The failure of each, in the order of `works`; null for success.
  std::vector<std::exception_ptr> run_together(std::vector<awaitable<void>> works) {
    std::vector<std::exception_ptr> failures(works.size());
    for (size_t i = 0; i < works.size(); ++i) {
      asio::co_spawn(
          context_, std::move(works[i]), [this, &failures, i](std::exception_ptr ended) { end(failures[i], ended); });
    }
    drive(works.size());
    return failures;
  }

 private:
  template <class T>
  static awaitable<void> keep(awaitable<T> work, std::optional<T>& result) {
    T value = co_await std::move(work);
    result.emplace(std::move(value));
  }

  void end(std::exception_ptr& failure, std::exception_ptr ended) {
    failure = std::move(ended);
    --running_;
  }

  // Not until the context has nothing left: a store may watch sockets while nobody calls it.
  void drive(size_t works) {
    running_ += works;
    run_until(context_, [&] { return running_ == 0; });
    context_.poll();
  }

  size_t running_ = 0;

  asio::io_context context_;
  asio::thread_pool pool_{3};
};

// A directory that goes with its owner. On the disk of TMPDIR, so that flushing means something.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "store-test-XXXXXX").string();
    CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The kind of the failure that `work` ends with, or nothing when it succeeds.
template <class Work>
std::optional<FailureKind> failure_of(Work&& work) {
  try {
    std::forward<Work>(work)();
  } catch (const Failure& failure) {
    return failure.kind();
  }
  return std::nullopt;
}

inline awaitable<std::string> read_all(ByteSource& source) {
  std::string all;
  std::vector<std::byte> buffer(7000);
  for (;;) {
    const size_t got = co_await source.read_some(buffer);
    if (got == 0) co_return all;
    all.append(reinterpret_cast<const char*>(buffer.data()), got);
  }
}

}  // namespace ci::store::testing
