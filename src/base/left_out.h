#pragma once
// Why a file that a program left is not among the files that come back.

#include <cstdint>

namespace ci {

enum class LeftOut : std::uint8_t {
  number,      // there are more than are handed out
  depth,       // too many folders deep
  size,        // larger than a file may be
  unreadable,  // cannot be looked at
  folder,      // in a folder that package managers and builds fill
  link,        // a symbolic link
  special,     // a fifo, socket or device
  path,        // no name could be made of its own
  ending,      // of its name: one that is not returned
  storing,     // it could not be stored
};
inline constexpr std::size_t left_out_reasons = 10;

}  // namespace ci
