#pragma once
// What all sandboxes of a host may use together, so that the rest of it goes on whatever they do. Values only.

#include <algorithm>
#include <cstdint>

namespace ci::sandbox {

// Of so much memory: a tenth is for the machine and the server, and half a gigabyte at least where there is one.
constexpr std::uint64_t memory_of_all(std::uint64_t usable) {
  constexpr std::uint64_t least = 512ull << 20;
  return usable - std::max(usable / 10, std::min(usable / 2, least));
}

// Of so many processes that the kernel can number.
constexpr std::uint64_t processes_of_all(std::uint64_t most) { return most / 2; }

// Runs at once, each of which may use `memory` and seldom needs a quarter of that.
constexpr std::uint64_t runs_at_once(std::uint64_t usable, std::uint64_t memory) {
  return std::max<std::uint64_t>(4, memory_of_all(usable) / std::max<std::uint64_t>(1, memory / 4));
}

}  // namespace ci::sandbox
