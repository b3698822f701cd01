#include "execution/capture.h"

#include <utility>

#include "base/utf8.h"
#include "execution/shape.h"

namespace ci::execution {

awaitable<void> Capture::add(std::string_view bytes) {
  text_.add(bytes);
  co_await whole_.add(bytes);
}

std::string Capture::finish() {
  std::string text = text_.finish();
  return shape_output(std::move(text), text_.cut(), stream_);
}

std::string Capture::characters(std::string_view bytes) {
  unfinished_ += bytes;
  const std::size_t whole = unfinished_.size() - unfinished_tail(unfinished_);
  std::string text = repaired(std::string_view(unfinished_).substr(0, whole));
  unfinished_.erase(0, whole);
  return text;
}

std::string Capture::last_characters() { return repaired(std::exchange(unfinished_, {})); }

}  // namespace ci::execution
