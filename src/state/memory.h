#pragma once
// States in memory files: how they go into sandboxes and come out again without being copied by us.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/byte_source.h"
#include "base/unique_fd.h"

namespace ci::state {

// What a sandbox writes a state to, as its pool makes it: a file one byte larger than `limit`, which cannot grow. The sandbox cuts it to the
// size of the state (2 bytes at least); to 0 when nothing is to be kept, to 1 when the state it began with still holds.
UniqueFd make_capture_file(std::uint64_t limit);

struct Captured {
  enum class Kind {
    nothing,    // the sandbox did not finish writing, or it is larger than the limit
    empty,      // nothing is to be kept
    unchanged,  // what it began with still holds
    state,
    damaged,  // it is no state, or it could still change
  };
  Captured(Kind what, std::uint64_t bytes) : kind(what), size(bytes) {}
  Kind kind;
  std::uint64_t size;
};

// After everything in the sandbox is dead. A state is sealed: nobody can change it any more.
Captured take_capture(int file, std::uint64_t limit);

// The same file, opened once more for reading only: with an offset and flags of its own.
UniqueFd open_again(int file);

// For what arrives in pieces: adds to a memory file, and in the end nobody can change it any more. Blocks.
UniqueFd make_memory_file();
void append(int file, std::string_view bytes);
void seal(int file);

// A sealed memory file of what comes over the network.
awaitable<UniqueFd> gather(ByteSource& body);

// All of a file. Blocks.
std::string read_whole(int file, std::uint64_t size);
// A sealed memory file with the bytes of `from`, `size` of them. Blocks.
UniqueFd copy_to_memory(int from, std::uint64_t size);

}  // namespace ci::state
