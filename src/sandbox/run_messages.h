#pragma once
// What the server asks of a sandbox with the word to start, and what its agent reports at the end of the program: the two
// messages that have many fields. Each list of fields is in one place (run_messages.cc), for writing and for reading.

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/wire.h"

namespace ci::sandbox {

// Whether a program has a state (guest/words.h), and when it is written.
enum class StateKept : std::uint8_t { no, after_success, after_errors };

// Times in milliseconds, sizes in bytes.
struct StartOrder {
  std::uint64_t time_limit = 0;
  std::uint64_t compile_limit = 0;    // 0: nothing to compile
  std::uint64_t largest_file = 0;     // of those that are handed out
  std::uint32_t files = 0;            // so many of them
  std::uint64_t largest_product = 0;  // of the compiler, to be handed out; 0: none
  StateKept state = StateKept::no;
  std::uint64_t memory = 0;  // of the program, less than the sandbox has; 0: all of that
  std::string passed;        // a name (guest/words.h) of each descriptor that the guest gets, in order

  bool operator==(const StartOrder&) const = default;
};

// Times in microseconds. `status` is that of wait(2).
struct RunReport {
  bool timed_out = false, interrupted = false, out_of_memory = false;
  std::int32_t status = 0;
  std::uint64_t wall_time = 0;  // of the program, or of the compiler when it ended there
  std::uint64_t cpu_time = 0;
  std::uint64_t peak_memory = 0;  // 0: unknown
  std::uint64_t placing = 0, reaping = 0;
  bool while_compiling = false;
  std::uint64_t compile_time = 0;
  bool state_captured = false, state_unusable = false;
  std::string state_note;
  std::vector<std::uint32_t> unplaced;  // numbers of files that there was no room for

  bool operator==(const RunReport&) const = default;
};

// The message Tag::start, and the rest of one whose tag was read.
std::string start_message(const StartOrder& order);
StartOrder read_start(Reader& reader);

// Tag::ended.
std::string report_message(const RunReport& report);
RunReport read_report(Reader& reader);

}  // namespace ci::sandbox
