#include "os/open_files.h"

#include <sys/resource.h>

namespace ci::os {

void raise_open_files(std::uint64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (wanted > 0) {
    const rlimit both{wanted, wanted};
    if (::setrlimit(RLIMIT_NOFILE, &both) == 0) return;
  }
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::uint64_t most_open_files() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

}  // namespace ci::os
