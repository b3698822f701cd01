// A pod for each run: what a warm one adds to a run, and how quickly the pool is full again.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <thread>

#include "base/failure.h"
#include "bench/groups.h"
#include "bench/interrupt.h"
#include "bench/statistics.h"

namespace ci::bench {

namespace json = boost::json;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int most_rounds = 30;  // each costs the cluster a pod
constexpr std::chrono::seconds longest_refill{120};
constexpr std::chrono::milliseconds between_looks{50};

struct PodPool {
  bool of_pods = false;
  std::uint64_t available = 0, target = 0;
};

PodPool look_at_pool(HttpClient& client) {
  PodPool pool;
  json::error_code error;
  const json::value answer = json::parse(client.get("/health/kubernetes").body, error);
  if (error) return pool;
  const json::value* architecture = answer.find_pointer("/details/architecture", error);
  pool.of_pods = architecture != nullptr && *architecture == "kubernetes-pods";
  if (const json::value* count = answer.find_pointer("/details/languages/py/available", error))
    pool.available = count->to_number<std::uint64_t>();
  if (const json::value* count = answer.find_pointer("/details/languages/py/target_size", error))
    pool.target = count->to_number<std::uint64_t>();
  return pool;
}

// False when it does not become so.
bool wait_for(HttpClient& client, std::uint64_t available) {
  const auto end = Clock::now() + longest_refill;
  while (look_at_pool(client).available < available) {
    if (interrupted() || Clock::now() > end) return false;
    std::this_thread::sleep_for(between_looks);
  }
  return true;
}

void run_hello(HttpClient& client, Measurement& into) {
  const Case& hello = case_named("py hello");
  const std::uint64_t number = fresh_number();
  run_once(client, RunRequest("py", numbered(hello.source, number), numbered(hello.expected, number)), into);
}

}  // namespace

void measure_pods(Workbench& bench) {
  HttpClient client = bench.client();
  const PodPool pool = look_at_pool(client);
  if (!pool.of_pods || pool.target == 0) {
    bench.skip("kubernetes", pool.of_pods ? "POD_POOL_PY is 0" : "the server runs programs on its own machine");
    return;
  }
  bench.progress.begin("py hello in a warm pod");
  Measurement warm("kubernetes", "py hello in a warm pod");
  warm.language = "py";
  const int rounds = std::min(bench.request.count, most_rounds);
  for (int round = 0; round < rounds && !interrupted() && wait_for(client, pool.target); ++round)
    run_hello(client, warm);
  for (const auto& [name, times] : warm.steps) {
    if (name == "acquire")
      bench.add("kubernetes", "acquire", median(times), "ms", "median: taking a pod, so that no other replica has it");
  }
  bench.report.measurements.push_back(std::move(warm));

  if (interrupted() || !wait_for(client, pool.target)) return;
  bench.progress.begin("refill");
  Measurement drain("kubernetes", "py hello, until no pod is warm");
  drain.language = "py";
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < pool.target; ++i) run_hello(client, drain);
  const bool is_full = wait_for(client, pool.target);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (is_full) {
    bench.add(
        "kubernetes", "refill", static_cast<double>(pool.target) / seconds, "pods/s",
        fmt::format("{} pods used one after the other and made anew, until all are ready", pool.target));
  }
  bench.report.measurements.push_back(std::move(drain));
}

}  // namespace ci::bench
