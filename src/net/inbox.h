#pragma once
// The bytes of a connection that arrived and are not consumed yet. Reads ahead: one read is running nearly all
// the time, also while a handler works, because a read is what notices that the client has gone. It costs
// nothing, as the next request needs that read anyhow. I/O thread only.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "net/transport.h"

namespace ci::net {

class Inbox {
 public:
  enum class Wake { arrival, timed_out, closed };

  // Holds at most `capacity` bytes. `on_end` is called when the connection ends while nobody waits.
  Inbox(Transport& transport, std::size_t capacity, std::function<void()> on_end);

  std::string_view bytes() const { return {storage_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t count) { begin_ += count; }

  // Nothing more will arrive; bytes() may still hold something.
  bool ended() const { return ended_; }
  bool full() const { return end_ - begin_ >= capacity_; }

  // Starts a read unless one is running, the inbox is full or ended. `owner` keeps this object alive until
  // the read is over, which may be after everybody else has let go of the connection.
  void read_ahead(std::shared_ptr<void> owner);

  // Waits for more bytes or the end (`arrival`), or for wake(). Once at a time, and a read must be running.
  // Throws operation_aborted when cancelled.
  awaitable<Wake> wait();

  // Ends a wait() soon; false when there is none.
  bool wake(Wake reason);

 private:
  using Waiter = std::move_only_function<void(std::optional<Wake>)>;  // nothing: cancelled

  void on_read(boost::system::error_code error, std::size_t count);
  void make_room();
  bool wake_later(std::optional<Wake> reason);

  Transport& transport_;
  std::size_t capacity_;
  std::function<void()> on_end_;
  std::vector<char> storage_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool reading_ = false;
  bool ended_ = false;
  bool grow_ = false;  // the last read filled all the room there was
  std::size_t last_read_ = 0;
  Waiter waiter_;
  asio::any_io_executor waiter_executor_;
};

}  // namespace ci::net
