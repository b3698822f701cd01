#include "pool/stream/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/write_all.h"
#include "os/message_socket.h"

namespace ci::pool {

namespace {

constexpr std::size_t most_memory = 64 << 10;  // of each: many runs end at once

}  // namespace

awaitable<void> Spool::add(std::string_view bytes) {
  size_ += bytes.size();
  memory_ += bytes;
  if (memory_.size() >= most_memory) co_await write_down();
}

awaitable<std::unique_ptr<ByteSource>> Spool::take() {
  if (file_ || place_ == Place::memory)
    co_await write_down();
  else
    file_ = os::memory_file("spool", memory_);
  co_return std::make_unique<FileSource>(std::move(file_), blocking_);
}

awaitable<void> Spool::write_down() {
  auto write = [this] {
    if (!file_) {
      file_ = UniqueFd(sys("making a file for what a program left", [&] {
        if (place_ == Place::memory) return ::memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
      }));
    }
    write_all(file_.get(), memory_, "keeping what a program left");
  };
  co_await on_pool(blocking_, write);
  memory_.clear();
}

}  // namespace ci::pool
