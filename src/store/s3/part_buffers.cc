#include "store/s3/part_buffers.h"

#include <boost/asio/redirect_error.hpp>

#include "base/failure.h"

namespace ci::store::s3 {

// Not written to before it is filled: what an upload does not need costs no memory.
PartBuffers::Lease::Lease(PartBuffers& owner)
    : owner_(owner), memory_(std::make_unique_for_overwrite<std::byte[]>(owner.bytes_)) {
  --owner_.free_;
}

PartBuffers::Lease::~Lease() {
  ++owner_.free_;
  if (!owner_.waiting_.empty()) owner_.waiting_.front()->cancel();
}

awaitable<std::unique_ptr<PartBuffers::Lease>> PartBuffers::take(Deadline deadline) {
  if (free_ > 0 && waiting_.empty()) co_return std::make_unique<Lease>(*this);
  asio::steady_timer turn(executor_, deadline);
  struct Place {
    Place(std::list<asio::steady_timer*>& all, asio::steady_timer& own) : line(all), at(all.insert(all.end(), &own)) {}
    ~Place() {
      const bool was_first = at == line.begin();
      line.erase(at);
      if (was_first && !line.empty()) line.front()->cancel();  // who looks for himself whether a buffer is free
    }
    std::list<asio::steady_timer*>& line;
    std::list<asio::steady_timer*>::iterator at;
  };
  const Place place(waiting_, turn);
  while (free_ == 0 || waiting_.front() != &turn) {
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Failure(FailureKind::unavailable, "too many large files are being stored at once");
    }
    turn.expires_at(deadline);
    boost::system::error_code woken;
    co_await turn.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  co_return std::make_unique<Lease>(*this);
}

}  // namespace ci::store::s3
