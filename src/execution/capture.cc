#include "execution/capture.h"

#include "execution/execution.h"
#include "execution/text.h"

namespace ci::execution {

awaitable<void> Capture::add(std::string_view bytes) {
  text_.add(bytes);
  if (live_) {
    unsent_ += bytes;
    const std::size_t whole = unsent_.size() - unfinished_tail(unsent_);
    live_(stream_, repaired(std::string_view(unsent_).substr(0, whole)));
    unsent_.erase(0, whole);
  }
  co_await whole_.add(bytes);
}

std::string Capture::finish() {
  if (live_ && !unsent_.empty()) live_(stream_, repaired(unsent_));
  std::string text = text_.finish();
  return shape_output(std::move(text), text_.cut(), stream_);
}

}  // namespace ci::execution
