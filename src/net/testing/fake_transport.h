#pragma once
// A transport whose other end is the test: what arrives and how much is taken is for it to say.

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>
#include <cstring>
#include <string>

#include "net/transport.h"

namespace ci::net {

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(asio::any_io_executor executor) : executor_(executor), changed_(executor, Deadline::max()) {}

  awaitable<void> handshake() override { co_return; }

  void read_some(asio::mutable_buffer into, ReadDone done) override {
    into_ = into;
    done_ = std::move(done);
    ++reads;
  }

  // Takes as much as take() allowed, and waits for it.
  awaitable<std::size_t> write_some(const Pieces& pieces) override {
    ++writers;
    most_writers = std::max(most_writers, writers);
    while (room_ == 0 && !closed) {
      boost::system::error_code ended;
      co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, ended));
      const auto cancelled = co_await asio::this_coro::cancellation_state;
      if (cancelled.cancelled() != asio::cancellation_type::none) {
        --writers;
        throw boost::system::system_error(asio::error::operation_aborted);
      }
    }
    --writers;
    if (closed) throw boost::system::system_error(asio::error::broken_pipe);
    std::string bytes(std::min(room_, asio::buffer_size(pieces)), '\0');
    asio::buffer_copy(asio::buffer(bytes), pieces);
    room_ -= bytes.size();
    written += bytes;
    co_return bytes.size();
  }

  awaitable<void> shut_down() override { co_return; }
  void end_writing() override {}
  void close() override {
    closed = true;
    changed_.cancel();
  }

  // The client sends, as far as the read under way has room. How much of it was taken.
  std::size_t arrive(std::string_view bytes) {
    const std::size_t count = std::min(bytes.size(), into_.size());
    std::memcpy(into_.data(), bytes.data(), count);
    finish_read({}, count);
    return count;
  }
  void end(boost::system::error_code error = asio::error::eof) { finish_read(error, 0); }
  std::size_t room_to_read() const { return into_.size(); }
  bool is_reading() const { return static_cast<bool>(done_); }

  // The client takes so many bytes more.
  void take(std::size_t bytes) {
    room_ += bytes;
    changed_.cancel();
  }

  std::string written;
  int reads = 0;
  int writers = 0, most_writers = 0;
  bool closed = false;

 private:
  void finish_read(boost::system::error_code error, std::size_t count) { std::exchange(done_, nullptr)(error, count); }

  asio::any_io_executor executor_;
  asio::steady_timer changed_;
  asio::mutable_buffer into_;
  ReadDone done_;
  std::size_t room_ = 0;
};

}  // namespace ci::net
