// Whether a program that spins can slow down its neighbours.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/failure.h"
#include "bench/groups.h"
#include "bench/interrupt.h"
#include "bench/statistics.h"

namespace ci::bench {

namespace {

constexpr int turns = 4;  // of alone and disturbed, so that slow changes of the machine hit both

// Long enough that starting it is the smaller part of its time.
const Case spinning{
    "fairness", "spin", "py",
    "import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: pass\nprint('spun {n}')", "spun {n}\n"};

// Clients that run spinning programs back to back, as long as this lives.
class Spinners {
 public:
  Spinners(Workbench& bench, int count) : parts_(static_cast<size_t>(count)) {
    for (size_t i = 0; i < parts_.size(); ++i) {
      threads_.emplace_back([this, &bench, i] {
        HttpClient client = bench.client();
        while (!over_) {
          const std::uint64_t number = fresh_number();
          run_once(
              client, RunRequest("py", numbered(spinning.source, number), numbered(spinning.expected, number)),
              parts_[i]);
        }
      });
    }
    // Until the first of them have left their start behind.
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }

  // Errors of all of them are added to `into`.
  void end(Measurement& into) {
    over_ = true;
    threads_.clear();
    for (const Measurement& part : parts_) {
      for (const auto& [sentence, count] : part.errors) into.errors["of a spinning program: " + sentence] += count;
    }
  }

 private:
  std::atomic<bool> over_ = false;
  std::vector<Measurement> parts_;
  std::vector<std::jthread> threads_;
};

void append(Measurement& sum, const Measurement& part) {
  sum.times.insert(sum.times.end(), part.times.begin(), part.times.end());
  for (const auto& [sentence, count] : part.errors) sum.errors[sentence] += count;
  sum.seconds += part.seconds;
}

void compare(Workbench& bench, int spinners, const std::string& name) {
  const Case& hello = case_named("py hello");
  const auto part = std::chrono::duration<double>(bench.request.duration) / turns;
  bench.progress.begin(name);
  Measurement alone("fairness", name + ", alone"), disturbed("fairness", name + ", disturbed");
  alone.language = disturbed.language = "py";
  for (int turn = 0; turn < turns && !interrupted(); ++turn) {
    append(alone, closed_loop(bench, hello, 1, part));
    Spinners others(bench, spinners);
    append(disturbed, closed_loop(bench, hello, 1, part));
    others.end(disturbed);
  }
  if (!alone.times.empty() && !disturbed.times.empty()) {
    bench.add(
        "fairness", name, median(disturbed.times) / median(alone.times), "times",
        fmt::format(
            "median of py hello while {} client{} run{} programs that spin, divided by its median alone", spinners,
            spinners == 1 ? "" : "s", spinners == 1 ? "s" : ""));
  }
  bench.report.measurements.push_back(std::move(alone));
  bench.report.measurements.push_back(std::move(disturbed));
}

}  // namespace

void measure_fairness(Workbench& bench) {
  compare(bench, 1, "beside 1 spinning program");
  const int all = std::max(2, bench.report.machine.processors);
  if (!interrupted()) compare(bench, all, fmt::format("beside {} spinning programs", all));
}

}  // namespace ci::bench
