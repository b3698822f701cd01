#pragma once
// What a compiler made, on its way out of the sandbox that made it and into another. Used by the agent: taken out
// after the compiler ended and before any of the user's own code has run, put in before anything has.

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace ci::sandbox {

// A sealed copy in memory of the file at `path`. Nothing unless it is a regular file with one link, of no
// more than `limit` bytes.
UniqueFd take_product(const std::string& path, std::uint64_t limit);

// Makes the file at `path` from `product`, executable, of `owner`. A copy: what a guest does to it, to its mode or with
// locks on it stays in its sandbox.
void place_product(int product, const std::string& path, uid_t owner);

}  // namespace ci::sandbox
