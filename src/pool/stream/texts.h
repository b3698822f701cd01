#pragma once
// What is in the frames that are not plain bytes, as JSON. Fields that are unknown are passed over, and those that are missing have their
// defaults, so that pools and runners of different versions understand each other. Texts may hold any bytes, as names of files do.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pool/sandbox_pool.h"

namespace ci::pool {

struct StatedInput {
  std::string name;
  std::uint64_t size = 0;
  bool read_only = false;
};

// A program without the contents of its files.
struct StatedProgram {
  std::string language;  // canonical code
  std::string code;
  std::vector<std::string> arguments;
  std::vector<StatedInput> inputs;
  std::optional<std::uint64_t> largest_state;  // there is a state, or there may be one
  bool state_before = false;                   // it comes after the inputs
  bool state_after_errors = false;
  bool calls = false;
  std::chrono::milliseconds time_limit{0}, compile_limit{0};
  std::uint64_t memory_limit = 0;
  std::uint64_t output_file_limit = 0;
  std::uint32_t output_file_count = 0;
};

// The order in which the contents of inputs are wanted: small ones first (pool/local/inputs.cc), which may be held whole.
inline constexpr std::uint64_t largest_small_input = 256 << 10;
void sort_inputs(std::vector<InputFile>& inputs);

std::string program_text(const std::string& language, const Program& program);
std::string word_text(const Word& word);
std::string outcome_text(const Outcome& outcome);
std::string file_text(const OutputFile& file);
std::string collected_text(const Collected& collected);
std::string call_text(const Call& call);

// These fail as `invalid` for what is no such text.
StatedProgram read_program(std::string_view text);
Word read_word(std::string_view text);
Outcome read_outcome(std::string_view text);
StatedInput read_file(std::string_view text, bool& written);
Collected read_collected(std::string_view text);
Call read_call(std::string_view text);

}  // namespace ci::pool
