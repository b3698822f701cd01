#include "base/write_all.h"

#include <unistd.h>

#include "base/sys.h"

namespace ci {

void write_all(int file, std::string_view bytes, std::string_view doing) {
  while (!bytes.empty()) {
    const auto count = sys(doing, [&] { return ::write(file, bytes.data(), bytes.size()); });
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace ci
