#pragma once
// A program that comes in: its files are read from the frames when the sandbox wants them, in the order in which they come. Large ones
// are never held whole. I/O thread.

#include <memory>
#include <string>

#include "base/changes.h"
#include "pool/sandbox_pool.h"
#include "pool/stream/frames.h"
#include "pool/stream/texts.h"

namespace ci::pool {

// Reads a program from `reader`, which outlives it, and so do the sources of the program that it gives. Used once.
class ProgramFeed {
 public:
  ProgramFeed(asio::any_io_executor executor, FrameReader& reader) : reader_(reader), changes_(std::move(executor)) {}

  // The first frame. Fails as `invalid` when it is none of a program, or one of its files has a name that leads elsewhere.
  awaitable<void> read_head();
  const std::string& language() const { return stated_.language; }
  // `own_file`: the name of the source, which no input may have.
  Program take_program(std::string_view own_file);

 private:
  class Body;
  class Source;
  class Whole;

  // Suspends until all bodies before this one have been read.
  awaitable<void> wait_for_turn(std::size_t number);
  awaitable<std::optional<std::string>> next_piece();
  awaitable<void> skip_rest();

  FrameReader& reader_;
  StatedProgram stated_;
  Changes changes_;
  std::size_t turn_ = 0;       // whose body comes next
  bool is_open_ = false;       // it has begun
  bool is_abandoned_ = false;  // and nobody will read the rest
};

}  // namespace ci::pool
