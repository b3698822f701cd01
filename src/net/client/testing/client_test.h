#pragma once
// A client and a loop to run it on.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/failure.h"
#include "base/run_until.h"
#include "net/client/http_client.h"

namespace ci::net::client::testing {

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    settings_.proxies = false;
    client_.emplace(context_.get_executor(), settings_);
  }

  template <class T>
  T run(awaitable<T> work) {
    std::optional<T> result;
    std::exception_ptr failure;
    bool done = false;
    const auto keep = [](awaitable<T> inner, std::optional<T>& into) -> awaitable<void> {
      T value = co_await std::move(inner);
      into.emplace(std::move(value));
    };
    asio::co_spawn(context_, keep(std::move(work), result), [&](std::exception_ptr ended) {
      failure = ended;
      done = true;
    });
    run_until(context_, [&] { return done; });
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
  }

  std::string failure_of(Request request) {
    try {
      run(client_->send(std::move(request)));
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::unavailable);
      return failure.what();
    }
    return "none";
  }

  static awaitable<std::string> read_all(Stream& stream, size_t piece) {
    std::string all;
    std::vector<std::byte> buffer(piece);
    for (;;) {
      const size_t count = co_await stream.read_some(buffer);
      if (count == 0) co_return all;
      all.append(reinterpret_cast<const char*>(buffer.data()), count);
    }
  }

  asio::io_context context_;
  Settings settings_;
  std::optional<Client> client_;
};

}  // namespace ci::net::client::testing
