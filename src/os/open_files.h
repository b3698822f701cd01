#pragma once
// How many descriptors this process may hold. What login shells and service managers allow at first (1024) is for
// programs that use select(2); ours do not.

#include <cstdint>

namespace ci::os {

// Lifts the soft limit to the hard one, and both to `wanted` where the process may. Whatever fails stays as it was.
void raise_open_files(std::uint64_t wanted = 0);

// The soft limit in force.
std::uint64_t most_open_files();

}  // namespace ci::os
