#pragma once
// The machine that measures, and how busy it is with other things. Reads /proc; unknown values are empty or 0.

#include <string>
#include <string_view>

namespace ci::bench {

struct Machine {
  std::string system;  // "Debian GNU/Linux 12 (bookworm)"
  std::string kernel;  // "Linux 6.1.0 x86_64"
  std::string processor;
  int processors = 0;  // that this process may use
  double memory_gb = 0;
};

struct Load {
  double one_minute = 0;  // load average
  double busy = 0;        // share of the processors' time, 0 to 1, in a short moment before the measurements
};

Machine describe_machine();

// The load average, and the share of busy time during the next 500 ms, for which it waits.
Load observe_load();

// Pure parts. The value behind "KEY: " or KEY=, without quotes; empty when there is none.
std::string value_of_key(std::string_view text, std::string_view key, char separator);
// Busy and all time of the first line of /proc/stat.
struct ProcessorTime {
  double busy = 0, all = 0;
};
ProcessorTime parse_processor_time(std::string_view stat);

// Whether other work is likely to disturb: a sentence for the reader, or nothing.
std::string warn_about(const Load& load, int processors);

}  // namespace ci::bench
