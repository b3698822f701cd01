#include "execution/long_output.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sys.h"

namespace ci::execution {

namespace {

constexpr std::size_t most_memory = 512 << 10;

// Appends. Blocks.
void write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count =
        sys("keeping the output of a program", [&] { return ::write(file, bytes.data(), bytes.size()); });
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

awaitable<void> LongOutput::add(std::string_view bytes) {
  size_ += bytes.size();
  if (given_up_) co_return;
  if (size_ > limit_) {
    give_up();
    co_return;
  }
  memory_ += bytes;
  if (memory_.size() >= most_memory) co_await write_down();
}

awaitable<std::unique_ptr<ByteSource>> LongOutput::take() {
  if (file_) co_await write_down();
  if (given_up_) co_return nullptr;
  if (!file_) co_return std::make_unique<StringSource>(std::move(memory_));
  co_return std::make_unique<FileSource>(std::move(file_), *blocking_);
}

awaitable<void> LongOutput::write_down() {
  if (directory_.empty()) {
    give_up();
    co_return;
  }
  auto write = [this] {
    if (!file_) {
      file_ = UniqueFd(sys("making a file for the output of a program", [&] {
        return ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
      }));
    }
    write_all(file_.get(), memory_);
  };
  try {
    co_await on_pool(*blocking_, write);
    memory_.clear();
  } catch (const Failure& failure) {
    // The program goes on; its output is cut as it would have been without this.
    log_warning("the output of a program is not kept", {{"reason", failure.what()}});
    give_up();
  }
}

void LongOutput::give_up() {
  given_up_ = true;
  memory_ = {};
  file_.reset();
}

}  // namespace ci::execution
