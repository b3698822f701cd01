#pragma once
// The memory of uploads that do not fit into one small piece: so many buffers and no more; who comes later waits for his
// turn. Used on the I/O thread; outlives what it lends.

#include <cstddef>
#include <list>
#include <memory>
#include <span>

#include "base/async.h"

namespace ci::store::s3 {

class PartBuffers {
 public:
  PartBuffers(asio::any_io_executor executor, size_t bytes, int count)
      : executor_(std::move(executor)), bytes_(bytes), free_(count) {}

  // One buffer, back when this is destroyed.
  class Lease {
   public:
    explicit Lease(PartBuffers& owner);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    std::span<std::byte> bytes() const { return {memory_.get(), owner_.bytes_}; }

   private:
    PartBuffers& owner_;
    std::unique_ptr<std::byte[]> memory_;
  };

  // In the order of the calls. Fails as `unavailable` when none has come back by the deadline.
  awaitable<std::unique_ptr<Lease>> take(Deadline deadline);

 private:
  asio::any_io_executor executor_;
  size_t bytes_;
  int free_;
  std::list<asio::steady_timer*> waiting_;
};

}  // namespace ci::store::s3
