#include "bench/machine.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/ascii.h"

namespace ci::bench {

namespace {

constexpr std::chrono::milliseconds look{500};
// Below these a measurement is hardly disturbed.
constexpr double quiet_load_each = 0.25;
constexpr double quiet_share = 0.10;

std::string read_file(const char* path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace

std::string value_of_key(std::string_view text, std::string_view key, char separator) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t end = line.find(separator);
    if (end != line.npos && trimmed(line.substr(0, end), " \t\r\"") == key)
      return std::string(trimmed(line.substr(end + 1), " \t\r\""));
  }
  return "";
}

ProcessorTime parse_processor_time(std::string_view stat) {
  std::istringstream line{std::string(stat.substr(0, stat.find('\n')))};
  std::string name;
  line >> name;
  ProcessorTime time;
  double value = 0;
  for (int column = 0; column < 8 && line >> value; ++column) {
    time.all += value;
    const bool idle = column == 3 || column == 4;  // idle, iowait: proc(5)
    if (!idle) time.busy += value;
  }
  return time;
}

Machine describe_machine() {
  Machine machine;
  machine.system = value_of_key(read_file("/etc/os-release"), "PRETTY_NAME", '=');
  utsname names{};
  if (::uname(&names) == 0) machine.kernel = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
  machine.processor = value_of_key(read_file("/proc/cpuinfo"), "model name", ':');
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) machine.processors = CPU_COUNT(&set);
  const std::string total = value_of_key(read_file("/proc/meminfo"), "MemTotal", ':');
  machine.memory_gb = std::strtod(total.c_str(), nullptr) / (1 << 20);
  return machine;
}

Load observe_load() {
  Load load;
  const ProcessorTime first = parse_processor_time(read_file("/proc/stat"));
  std::this_thread::sleep_for(look);
  const ProcessorTime second = parse_processor_time(read_file("/proc/stat"));
  if (second.all > first.all) load.busy = (second.busy - first.busy) / (second.all - first.all);
  if (::getloadavg(&load.one_minute, 1) != 1) load.one_minute = 0;
  return load;
}

std::string warn_about(const Load& load, int processors) {
  const bool busy = load.busy > quiet_share || load.one_minute > quiet_load_each * std::max(processors, 1);
  if (!busy) return "";
  return fmt::format(
      "This machine is not quiet: load average {:.2f} on {} processors, {:.0f} % busy before the first measurement. "
      "The figures are worse than they would be, and vary.",
      load.one_minute, processors, load.busy * 100);
}

}  // namespace ci::bench
