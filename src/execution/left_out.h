#pragma once
// Files that a run goes without and files of it that do not come back, and how its client is told: a file never vanishes
// without a word. Pure.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/left_out.h"
#include "pool/sandbox_pool.h"

namespace ci::execution {

// A file that the program was meant to have.
struct Unmounted {
  enum class Reason {
    room,    // it would not fit beside those that count more
    source,  // the program's own text has this name
    path,    // its name is a folder of another file, or a folder of its name is a file
  };
  std::string name;
  Reason reason;
};

// A line for each, as people read it; /mnt/data holds `bytes` (0: unknown).
std::string describe_unmounted(const std::vector<Unmounted>& files, std::uint64_t bytes);

// What a limit left out that would have come back without it, as programs read it.
struct Truncation {
  std::map<std::string, std::uint64_t> reasons;  // "max_files", "depth", "size", "path", "unreadable"
  std::vector<std::string> skipped;              // the first names
  std::uint64_t count = 0;
};

// How storing new and changed files went.
struct Delivery {
  std::uint64_t attempted = 0, delivered = 0;

  std::uint64_t failed() const { return attempted - delivered; }
};

class LeftOutFiles {
 public:
  void add(LeftOut reason, std::string_view name);
  // What the sandbox did not hand out.
  void add(const pool::Collected& collected);

  bool empty() const;
  // One line, as people read it, with the limits that were in force; empty when there is nothing to say.
  std::string line(int most_files, std::uint64_t largest_file) const;
  Truncation truncation() const;

 private:
  struct Entry {
    std::string name;  // printable
    std::uint32_t files;
  };
  std::array<std::vector<Entry>, left_out_reasons> entries_;  // the first of each reason
  std::array<std::uint64_t, left_out_reasons> counts_{};
  bool complete_ = true;
};

// Of any bytes a text that can stand in a line: no control characters, well-formed, not too long.
std::string printable_name(std::string_view name);

}  // namespace ci::execution
