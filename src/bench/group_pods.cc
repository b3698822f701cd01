// A pod for each run: what a warm one adds to a run, what the cluster needs by itself, and how quickly the pool is full again.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <thread>

#include "base/failure.h"
#include "bench/bare_cluster.h"
#include "bench/groups.h"
#include "bench/interrupt.h"
#include "bench/statistics.h"

namespace ci::bench {

namespace json = boost::json;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int most_rounds = 30;   // each costs the cluster a pod
constexpr int most_made = 5;      // pods that are made while the clock runs
constexpr int bare_changes = 20;  // of a pod, and exchanges with it
constexpr std::chrono::seconds longest_refill{120};
constexpr std::chrono::milliseconds between_answers{50};
// The cluster removes the pod of the run before and makes the next one: what is measured must not run at the same time.
constexpr std::chrono::milliseconds least_pause{1000};

struct PodsOfLanguage {
  std::uint64_t available = 0, creating = 0, target = 0;
};

struct PodPool {
  bool of_pods = false;
  std::map<std::string, PodsOfLanguage, std::less<>> languages;

  PodsOfLanguage python() const {
    const auto found = languages.find("py");
    return found == languages.end() ? PodsOfLanguage() : found->second;
  }
};

PodPool look_at_pool(HttpClient& client) {
  PodPool pool;
  json::error_code error;
  const json::value answer = json::parse(client.get("/health/kubernetes").body, error);
  if (error) return pool;
  const json::value* architecture = answer.find_pointer("/details/architecture", error);
  pool.of_pods = architecture != nullptr && *architecture == "kubernetes-pods";
  const json::value* languages = answer.find_pointer("/details/languages", error);
  if (languages == nullptr || !languages->is_object()) return pool;
  for (const auto& [code, counts] : languages->get_object()) {
    const auto count = [&](const char* name) {
      const json::value* number = counts.find_pointer(name, error);
      return number == nullptr ? 0 : number->to_number<std::uint64_t>();
    };
    pool.languages[code] = {count("/available"), count("/creating"), count("/target_size")};
  }
  return pool;
}

// Until `enough` says so of the pods of Python. False when that does not come.
template <class Enough>
bool wait_for(HttpClient& client, Enough enough) {
  const auto end = Clock::now() + longest_refill;
  while (!enough(look_at_pool(client).python())) {
    if (interrupted() || Clock::now() > end) return false;
    std::this_thread::sleep_for(between_answers);
  }
  return true;
}

bool is_full(const PodsOfLanguage& pods) { return pods.available >= pods.target; }
bool is_at_rest(const PodsOfLanguage& pods) { return pods.available > 0 && pods.creating == 0; }

ExecAnswer run_case(HttpClient& client, const Case& which, Measurement& into) {
  const std::uint64_t number = fresh_number();
  return run_once(
      client, RunRequest(which.language, numbered(which.source, number), numbered(which.expected, number)), into);
}

Measurement measurement_of(const Case& which, std::string_view name) {
  Measurement measurement("kubernetes", name);
  measurement.language = which.language;
  return measurement;
}

void measure_warm(Workbench& bench, HttpClient& client, const Case& which, std::string_view name) {
  bench.progress.begin(name);
  Measurement warm = measurement_of(which, name);
  const int rounds = std::min(bench.request.count, most_rounds);
  for (int round = 0; round < rounds && !interrupted(); ++round) {
    std::this_thread::sleep_for(std::max(bench.request.pause, least_pause));
    if (!wait_for(client, is_at_rest)) break;
    const ExecAnswer answer = run_case(client, which, warm);
    if (const std::string reason = reason_to_skip(answer); !reason.empty()) {
      bench.skip(name, reason);
      return;
    }
  }
  for (const auto& [step, times] : warm.steps) {
    if (step == "acquire" && which.name == "py hello")
      bench.add("kubernetes", "acquire", median(times), "ms", "median: taking a pod, so that no other replica has it");
  }
  bench.report.measurements.push_back(std::move(warm));
}

void measure_refill(Workbench& bench, HttpClient& client) {
  if (interrupted() || !wait_for(client, is_full)) return;
  bench.progress.begin("refill");
  const Case& hello = case_named("py hello");
  Measurement drain = measurement_of(hello, "py hello, until no pod is warm");
  const std::uint64_t target = look_at_pool(client).python().target;
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < target; ++i) run_case(client, hello, drain);
  const bool full = wait_for(client, is_full);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (full) {
    bench.add(
        "kubernetes", "refill", static_cast<double>(target) / seconds, "pods/s",
        fmt::format("{} pods used one after the other and made anew, until all are ready", target));
  }
  bench.report.measurements.push_back(std::move(drain));
}

// Of a language that none are kept warm of: each request waits for a pod of its own.
void measure_made_pods(Workbench& bench, HttpClient& client) {
  const PodPool pool = look_at_pool(client);
  for (const Case& which : language_cases()) {
    const auto pods = pool.languages.find(which.language);
    const bool is_hello = which.name == std::string(which.language) + " hello";
    if (!is_hello || pods == pool.languages.end() || pods->second.target > 0) continue;
    bench.progress.begin("a pod made for the run");
    Measurement made = measurement_of(which, std::string(which.name) + " in a pod made for it");
    for (int i = 0; i < std::min(bench.request.count, most_made) && !interrupted(); ++i) {
      std::this_thread::sleep_for(std::max(bench.request.pause, least_pause));
      run_case(client, which, made);
    }
    bench.report.measurements.push_back(std::move(made));
    return;
  }
  bench.skip("a pod made for the run", "every language has warm pods: POD_POOL_BASH=0 measures it");
}

// The same without the server.
void measure_bare_cluster(Workbench& bench) {
  bench.progress.begin("the cluster by itself");
  BareCluster cluster;
  std::vector<double> starts, changes;
  for (int i = 0; i < std::min(bench.request.count, most_made) && !interrupted(); ++i) {
    std::this_thread::sleep_for(std::max(bench.request.pause, least_pause));
    starts.push_back(cluster.make_pod());
  }
  std::this_thread::sleep_for(least_pause);
  for (int i = 0; i < bare_changes && !interrupted(); ++i) changes.push_back(cluster.change_pod());
  Measurement echo("kubernetes", "GET /health of a pod, over a kept connection");
  HttpClient pod(parse_address("http://" + cluster.address()), "", Trust());
  pod.get("/health");
  const auto begin = Clock::now();
  for (int i = 0; i < bare_changes && !interrupted(); ++i) echo.times.push_back(pod.get("/health").time.count());
  echo.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  bench.report.measurements.push_back(std::move(echo));
  bench.add(
      "kubernetes", "bare pod", median(starts), "ms",
      "median: a pod as the pool's, from asking until it is ready, by the cluster itself");
  bench.add(
      "kubernetes", "bare change", median(changes), "ms",
      "median: one change of a pod, as taking one is, one after the other");
}

}  // namespace

void measure_pods(Workbench& bench) {
  HttpClient client = bench.client();
  const PodPool pool = look_at_pool(client);
  if (!pool.of_pods || pool.python().target == 0) {
    bench.skip("kubernetes", pool.of_pods ? "POD_POOL_PY is 0" : "the server runs programs on its own machine");
    return;
  }
  wait_for(client, is_at_rest);  // a pod of the pool is the model of those that are made without it
  try {
    measure_bare_cluster(bench);
  } catch (const Failure& failure) {
    bench.skip("the cluster by itself", failure.what());
  }
  measure_warm(bench, client, case_named("py hello"), "py hello in a warm pod");
  measure_warm(bench, client, case_named("py pandas"), "py pandas in a warm pod");
  measure_made_pods(bench, client);
  measure_refill(bench, client);
}

}  // namespace ci::bench
