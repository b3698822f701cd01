#include "net/inbox.h"

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <cstring>

#include "base/failure.h"

namespace ci::net {

namespace {

constexpr std::size_t small_room = 8 << 10;  // what an idle connection costs
constexpr std::size_t least_room = 2 << 10;  // below it, a read is not worth its system call

}  // namespace

Inbox::Inbox(Transport& transport, std::size_t capacity, std::function<void()> on_end)
    : transport_(transport), capacity_(std::max(capacity, small_room)), on_end_(std::move(on_end)) {}

// Called only while no read runs, since that one writes behind end_.
void Inbox::make_room() {
  if (begin_ > 0 && (begin_ == end_ || storage_.size() - end_ < least_room)) {
    std::memmove(storage_.data(), storage_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const std::size_t used = end_ - begin_;
  if (storage_.empty()) {
    storage_.resize(small_room);
  } else if (grow_ || storage_.size() - end_ < least_room) {
    storage_.resize(std::min(capacity_, storage_.size() * 4));
  } else if (used == 0 && storage_.size() > small_room && last_read_ < small_room / 2) {
    std::vector<char>(small_room).swap(storage_);  // a large body has passed
  }
  grow_ = false;
}

void Inbox::read_ahead(std::shared_ptr<void> owner) {
  if (reading_ || ended_ || full()) return;
  make_room();
  reading_ = true;
  transport_.read_some(
      asio::buffer(storage_.data() + end_, storage_.size() - end_),
      [this, owner = std::move(owner)](boost::system::error_code error, std::size_t count) { on_read(error, count); });
}

void Inbox::on_read(boost::system::error_code error, std::size_t count) {
  reading_ = false;
  end_ += count;
  last_read_ = count;
  grow_ = end_ == storage_.size();
  if (error) ended_ = true;
  if (waiter_) {
    Waiter waiter = std::exchange(waiter_, nullptr);
    waiter(Wake::arrival);  // resumes the coroutine here and now
  } else if (ended_) {
    on_end_();
  }
}

bool Inbox::wake(Wake reason) { return wake_later(reason); }

// Posted: a resumed coroutine may destroy what the caller stands on, such as the signal being emitted.
bool Inbox::wake_later(std::optional<Wake> reason) {
  if (!waiter_) return false;
  asio::post(waiter_executor_, [waiter = std::exchange(waiter_, nullptr), reason]() mutable { waiter(reason); });
  return true;
}

awaitable<Inbox::Wake> Inbox::wait() {
  CHECK(!waiter_);
  if (ended_) co_return Wake::arrival;
  CHECK(reading_);
  waiter_executor_ = co_await asio::this_coro::executor;
  auto initiate = [this](auto handler) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) {
      slot.assign([this](asio::cancellation_type) { wake_later(std::nullopt); });
    }
    waiter_ = [handler = std::move(handler), slot](std::optional<Wake> reason) mutable {
      slot.clear();
      std::move(handler)(reason);
    };
  };
  const std::optional<Wake> reason =
      co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::optional<Wake>)>(
          initiate, asio::use_awaitable);
  if (!reason) throw boost::system::system_error(asio::error::operation_aborted);
  co_return *reason;
}

}  // namespace ci::net
