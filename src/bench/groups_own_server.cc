// The groups that need servers of their own: start and memory.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <thread>

#include "bench/groups.h"
#include "bench/interrupt.h"
#include "bench/own_server.h"
#include "bench/process_memory.h"
#include "bench/statistics.h"

namespace ci::bench {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int starts_at_most = 5;
constexpr auto longest_filling = 60s;
constexpr auto settled = 5s;  // without a new sandbox: the pool is full; R takes a second or two to start
constexpr const char* every_floor = "2";

double since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

bool answers(HttpClient& client, const char* name) {
  const Case& hello = case_named(name);
  const std::uint64_t number = fresh_number();
  Measurement dropped;
  run_once(
      client, RunRequest(hello.language, numbered(hello.source, number), numbered(hello.expected, number)), dropped);
  return dropped.errors.empty();
}

// Two of every kind, so that a median is one of at least two.
std::map<std::string, std::string> floors() {
  std::map<std::string, std::string> settings;
  for (const char* language : {"PY", "JS", "TS", "GO", "JAVA", "C", "CPP", "PHP", "RS", "R", "F90", "D", "BASH"}) {
    settings.emplace(fmt::format("POD_POOL_{}", language), every_floor);
  }
  return settings;
}

// The memory once the pool has stopped growing.
std::optional<ServerMemory> memory_when_full(const OwnServer& server) {
  const auto deadline = Clock::now() + longest_filling;
  size_t known = 0;
  auto changed = Clock::now();
  for (;;) {
    std::this_thread::sleep_for(200ms);
    auto memory = memory_below(server.pid());
    if (!memory) return memory;
    if (memory->sandboxes.size() != known) changed = Clock::now();
    known = memory->sandboxes.size();
    if (Clock::now() - changed > settled || Clock::now() > deadline || interrupted()) return memory;
  }
}

void report_sandboxes(Workbench& bench, const std::vector<WarmSandbox>& sandboxes) {
  std::map<std::string, std::vector<const WarmSandbox*>> by_kind;
  for (const WarmSandbox& sandbox : sandboxes) by_kind[sandbox.kind].push_back(&sandbox);
  for (const auto& [kind, all] : by_kind) {
    const auto of = [&](double Memory::* field) {
      std::vector<double> values;
      for (const WarmSandbox* sandbox : all) values.push_back(sandbox->memory.*field / 1024);
      return median(std::move(values));
    };
    bench.add(
        "memory", "warm " + kind, of(&Memory::private_kb), "MB",
        fmt::format(
            "private memory of one, median of {}; with its share of what is shared {:.1f} MB; page tables {:.1f} MB",
            all.size(), of(&Memory::proportional_kb), of(&Memory::page_tables_kb)));
  }
}

}  // namespace

void measure_start(Workbench& bench) {
  if (!bench.own_server) {
    bench.skip("start", "it needs a server of its own: leave out --base");
    return;
  }
  bench.progress.begin("start");
  Measurement ready("start", "ready"), answered("start", "answered py and bash");
  const int count = std::min(bench.request.count, starts_at_most);
  for (int i = 0; i < count && !interrupted(); ++i) {
    const OwnServer server;
    ready.times.push_back(since(server.started()));
    HttpClient client(parse_address(server.base()), server.key(), Trust{});
    if (answers(client, "py hello") && answers(client, "bash hello")) {
      answered.times.push_back(since(server.started()));
    } else {
      ++answered.errors["the first run in Python or in Bash is not right"];
    }
    bench.progress.tell(i + 1, count);
  }
  for (Measurement* each : {&ready, &answered}) {
    for (const double time : each->times) each->seconds += time / 1000;
    bench.report.measurements.push_back(std::move(*each));
  }
}

void measure_memory(Workbench& bench) {
  if (!bench.own_server) {
    bench.skip("memory", "it needs a server of its own: leave out --base");
    return;
  }
  bench.progress.begin("memory");
  const OwnServer server(floors());
  const auto memory = memory_when_full(server);
  if (!memory) {
    bench.skip("memory", "the memory of sandboxes may be looked at by root only");
    return;
  }
  report_sandboxes(bench, memory->sandboxes);
  for (const auto& [name, of_part] : memory->others) {
    bench.add(
        "memory", name, of_part.private_kb / 1024, "MB",
        fmt::format("private memory; with its share of what is shared {:.1f} MB", of_part.proportional_kb / 1024));
  }
}

}  // namespace ci::bench
