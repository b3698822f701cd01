#pragma once
// Files of a control group, below a descriptor of its directory.

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "base/sys.h"
#include "base/unique_fd.h"

namespace ci::os {

inline void write_file(int directory, const std::string& name, const std::string& value) {
  const std::string doing = "setting " + name + " to " + value;
  const UniqueFd file(sys(doing, [&] { return ::openat(directory, name.c_str(), O_WRONLY | O_CLOEXEC); }));
  sys(doing, [&] { return ::write(file.get(), value.data(), value.size()); });
}

// For limits that not every kernel is built with (swap accounting).
inline void try_write_file(int directory, const std::string& name, const std::string& value) {
  const UniqueFd file(::openat(directory, name.c_str(), O_WRONLY | O_CLOEXEC));
  if (file) [[maybe_unused]]
    const ssize_t ignored = ::write(file.get(), value.data(), value.size());
}

inline UniqueFd open_file(int directory, const char* name, int flags) {
  return UniqueFd(::openat(directory, name, flags | O_CLOEXEC));
}

}  // namespace ci::os
