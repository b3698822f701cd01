// What keeping variables between runs adds. Names that begin with '_' are not kept, so the same program under such names,
// without a session, is the run to compare with.

#include <fmt/format.h>

#include <algorithm>

#include "base/failure.h"
#include "bench/groups.h"
#include "bench/interrupt.h"
#include "bench/pace.h"
#include "bench/statistics.h"

namespace ci::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int big_at_most = 10;  // of the large frame: each is 50 MB in the store

struct StateCase {
  std::string_view name;
  // {x} is the variable. The first program makes it, the second uses it and makes it anew.
  std::string_view make, use;
  std::string_view expected;
};

constexpr StateCase small_cases[] = {
    {"x = 42", "{x} = 42\nprint({x}, {n})", "{x} = {x} + 0\nprint({x}, {n})", "42 {n}\n"},
    {"numpy array of 1 MB",
     "import numpy as np\n{x} = np.random.default_rng({n}).random(125_000)\nprint({x}.size, {n})",
     "import numpy as np\n{x} = np.random.default_rng({n}).random({x}.size)\nprint({x}.size, {n})", "125000 {n}\n"},
};

constexpr std::string_view frame_make =
    "import numpy as np\nimport pandas as pd\n"
    "{x} = pd.DataFrame(np.random.default_rng({n}).random((625_000, 10)))\nprint({x}.shape, {n})";
constexpr std::string_view frame_use = "import pandas as pd\nprint({x}.shape, {n})";
constexpr std::string_view frame_none = "import pandas as pd\nprint((625000, 10), {n})";
constexpr std::string_view frame_expected = "(625000, 10) {n}\n";

std::string named(std::string_view text, std::string_view variable) {
  std::string result(text);
  for (size_t at = 0; (at = result.find("{x}", at)) != result.npos; at += variable.size())
    result.replace(at, 3, variable);
  return result;
}

RunRequest program(std::string_view source, std::string_view expected, std::string_view variable) {
  const std::uint64_t number = fresh_number();
  return RunRequest("py", numbered(named(source, variable), number), numbered(expected, number));
}

Measurement measurement(const std::string& name) {
  Measurement result("state", name);
  result.language = "py";
  return result;
}

void forget(HttpClient& client, const std::string& session) {
  if (!session.empty()) client.remove("/state/" + session);
}

class StateGroup {
 public:
  explicit StateGroup(Workbench& bench) : bench_(bench), client_(bench.client()) {}

  void measure() {
    const ExecAnswer probe = run_or_fail(client_, program(small_cases[0].make, small_cases[0].expected, "x"));
    if (!probe.has_state) {
      bench_.skip("state", "the server keeps no Python state");
      return;
    }
    forget(client_, probe.session);
    for (const StateCase& which : small_cases) {
      if (!interrupted()) adds(which);
    }
    if (!interrupted()) frame();
  }

 private:
  Pace pace(int count) const { return Pace{count, bench_.request.duration.count() * 1000.0, std::min(count, 3)}; }

  // Turns of a run that continues a session with state, and of the same work without one.
  void adds(const StateCase& which) {
    const std::string name(which.name);
    bench_.progress.begin("state, " + name);
    Measurement without = measurement(name + ", not kept"), with = measurement(name + ", kept");
    const std::string session = run_or_fail(client_, program(which.make, which.expected, "x")).session;
    const Pace limit = pace(bench_.request.count);
    double spent = 0;
    for (int i = 0; !limit.is_over(i, spent) && !interrupted(); ++i) {
      const auto begin = Clock::now();
      run_once(client_, program(which.make, which.expected, "_x"), without);
      RunRequest next = program(which.use, which.expected, "x");
      next.session = session;
      const ExecAnswer answer = run_once(client_, next, with);
      if (answer.status == 200 && !answer.has_state) ++with.errors["the answer has no state"];
      spent += since(begin);
      bench_.progress.tell(i + 1, limit.count);
    }
    with.seconds = without.seconds = spent / 2000;
    forget(client_, session);
    if (!with.times.empty() && !without.times.empty()) {
      bench_.add(
          "state", name + " adds", median(with.times) - median(without.times), "ms",
          "median of runs that restore and keep it, minus the median of the same work under names that are not kept");
    }
    push(std::move(without));
    push(std::move(with));
  }

  // Keeping and restoring apart, because a variable that has not changed need not be kept again.
  void frame() {
    const std::string name = "DataFrame of 50 MB";
    bench_.progress.begin("state, " + name);
    Measurement make_without = measurement(name + ", made"), make_with = measurement(name + ", made and kept");
    Measurement use_without = measurement(name + ", not there"), use_with = measurement(name + ", restored");
    const Pace limit = pace(std::min(bench_.request.count, big_at_most));
    double spent = 0;
    for (int i = 0; !limit.is_over(i, spent) && !interrupted(); ++i) {
      const auto begin = Clock::now();
      run_once(client_, program(frame_make, frame_expected, "_x"), make_without);
      const ExecAnswer kept = run_once(client_, program(frame_make, frame_expected, "x"), make_with);
      if (kept.status == 200 && !kept.has_state) ++make_with.errors["the answer has no state"];
      run_once(client_, program(frame_none, frame_expected, "_x"), use_without);
      RunRequest use = program(frame_use, frame_expected, "x");
      use.session = kept.session;
      run_once(client_, use, use_with);
      spent += since(begin);
      forget(client_, kept.session);
      bench_.progress.tell(i + 1, limit.count);
    }
    const auto difference = [](const Measurement& with, const Measurement& without) {
      return median(with.times) - median(without.times);
    };
    if (!make_with.times.empty() && !make_without.times.empty() && !use_with.times.empty() &&
        !use_without.times.empty()) {
      const double capture = difference(make_with, make_without), restore = difference(use_with, use_without);
      bench_.add(
          "state", name + " captured", capture, "ms", "median of runs that make and keep it, minus those that make it");
      bench_.add(
          "state", name + " restored", restore, "ms", "median of runs that find it there, minus those without it");
      bench_.add("state", name + " captured and restored", capture + restore, "ms", "the sum of both");
    }
    for (Measurement* each : {&make_without, &make_with, &use_without, &use_with}) {
      each->seconds = spent / 4000;
      push(std::move(*each));
    }
  }

  static double since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  }

  void push(Measurement&& measured) { bench_.report.measurements.push_back(std::move(measured)); }

  Workbench& bench_;
  HttpClient client_;
};

}  // namespace

void measure_state(Workbench& bench) { StateGroup(bench).measure(); }

}  // namespace ci::bench
