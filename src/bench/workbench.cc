#include "bench/workbench.h"

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <optional>
#include <thread>

#include "base/failure.h"
#include "bench/bare_tool.h"
#include "bench/interrupt.h"
#include "bench/pace.h"
#include "bench/server_timing.h"

namespace ci::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int requests_at_least = 10;
constexpr int slow_warm_up = 3;  // of a case whose warm-up takes longer than a tenth of the measurement

std::string body_of(const RunRequest& run) {
  boost::json::object body;
  body["lang"] = run.language;
  body["code"] = run.code;
  if (!run.session.empty()) body["session_id"] = run.session;
  if (!run.inputs.empty()) {
    boost::json::array& files = body["files"].emplace_array();
    for (const AnswerFile& input : run.inputs) {
      boost::json::object& file = files.emplace_back(boost::json::object()).get_object();
      file["id"] = input.id;
      file["name"] = input.name;
      file["session_id"] = input.session;
    }
  }
  return boost::json::serialize(body);
}

RunRequest run_of(const Case& which, std::uint64_t number) {
  RunRequest run(which.language, numbered(which.source, number), numbered(which.expected, number));
  run.files = which.files;
  return run;
}

class CaseMeasurement {
 public:
  CaseMeasurement(Workbench& bench, const Case& which)
      : bench_(bench),
        case_(which),
        client_(bench.client()),
        pace_{
            bench.request.count, bench.request.duration.count() * 1000.0,
            std::min(bench.request.count, requests_at_least)},
        result_(which.group, which.name) {
    result_.language = which.language;
    if (which.same_source) number_ = fresh_number();
  }

  void measure(bool with_bare) {
    bench_.progress.begin(case_.name);
    if (!warm_up()) return;
    if (with_bare && bench_.bare && !case_.same_source) find_bare();
    double spent = 0, bare_spent = 0;
    int done = 0;
    while (!pace_.is_over(done, spent) && !interrupted()) {
      const auto begin = Clock::now();
      request(result_);
      spent += milliseconds_since(begin);
      ++done;
      if (bare_ != nullptr && pace_.bare_is_due(done, spent, static_cast<int>(result_.bare_times.size()), bare_spent)) {
        result_.bare_times.push_back(bare_->run());
        bare_spent += result_.bare_times.back();
      }
      bench_.progress.tell(done, pace_.count);
      std::this_thread::sleep_for(bench_.request.pause);
    }
    result_.seconds = spent / 1000;
    bench_.report.measurements.push_back(std::move(result_));
  }

 private:
  static double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  }

  ExecAnswer request(Measurement& into) {
    return run_once(client_, run_of(case_, number_ ? *number_ : fresh_number()), into);
  }

  // False when there is no point in measuring.
  bool warm_up() {
    Measurement dropped;
    const auto begin = Clock::now();
    for (int i = 0; i < std::max(1, bench_.request.warm_up) && !interrupted(); ++i) {
      const ExecAnswer answer = request(dropped);
      if (answer.status == 401) throw Failure(FailureKind::invalid, "the server refuses the key");
      if (const std::string reason = reason_to_skip(answer); !reason.empty()) {
        bench_.skip(case_.name, reason);
        return false;
      }
      if (i + 1 >= slow_warm_up && milliseconds_since(begin) > pace_.duration / 10) break;
    }
    if (count_errors(dropped) >= slow_warm_up && dropped.times.empty() && !interrupted()) {
      // It has never worked: more of the same would only take time.
      result_.errors = std::move(dropped.errors);
      bench_.report.measurements.push_back(std::move(result_));
      return false;
    }
    return !interrupted();
  }

  void find_bare() {
    bare_ = BareTool::find(case_);
    if (bare_ == nullptr) {
      bench_.skip("bare tool of " + std::string(case_.name), "it is not installed on this machine");
      return;
    }
    try {
      bare_->run();  // what its first run reads from disk is not measured
      result_.bare_command = bare_->command();
    } catch (const Failure& failure) {
      bench_.skip("bare tool of " + std::string(case_.name), failure.what());
      bare_.reset();
    }
  }

  Workbench& bench_;
  const Case& case_;
  HttpClient client_;
  Pace pace_;
  Measurement result_;
  std::optional<std::uint64_t> number_;
  std::unique_ptr<BareTool> bare_;
};

void merge(Measurement& sum, Measurement&& part) {
  sum.times.insert(sum.times.end(), part.times.begin(), part.times.end());
  for (const auto& [sentence, count] : part.errors) sum.errors[sentence] += count;
  for (auto& [step, times] : part.steps) {
    for (const double time : times) add_steps(sum.steps, {{step, time}});
  }
}

}  // namespace

void Workbench::skip(std::string_view name, std::string reason) {
  constexpr size_t longest = 200;
  if (reason.size() > longest) reason = reason.substr(0, longest) + " …";
  std::ranges::replace(reason, '\n', ' ');
  report.skipped.emplace_back(std::string(name), std::move(reason));
}

ExecAnswer run_once(HttpClient& client, const RunRequest& run, Measurement& into) {
  try {
    const Reply reply = client.post("/exec", body_of(run));
    ExecAnswer answer = parse_answer(reply);
    if (const std::string problem = complaint(answer, run.expected, run.files); !problem.empty()) {
      ++into.errors[problem];
    } else {
      into.times.push_back(reply.time.count());
      add_steps(into.steps, parse_server_timing(reply.server_timing));
    }
    return answer;
  } catch (const Failure& failure) {
    ++into.errors[failure.what()];
    return {};
  }
}

ExecAnswer run_or_fail(HttpClient& client, const RunRequest& run) {
  ExecAnswer answer = parse_answer(client.post("/exec", body_of(run)));
  if (const std::string problem = complaint(answer, run.expected, run.files); !problem.empty()) {
    throw Failure(FailureKind::unavailable, problem);
  }
  return answer;
}

void measure_case(Workbench& bench, const Case& which, bool with_bare) {
  CaseMeasurement(bench, which).measure(with_bare);
}

Measurement closed_loop(Workbench& bench, const Case& which, int clients, std::chrono::duration<double> duration) {
  std::vector<Measurement> parts(static_cast<size_t>(clients));
  std::atomic<bool> over = false;
  Clock::time_point begin;
  {
    std::vector<HttpClient> connections;
    Measurement dropped;
    for (int i = 0; i < clients; ++i) {
      connections.push_back(bench.client());
      // Every client warms up, so that no measured request pays for a connection.
      run_once(connections.back(), run_of(which, fresh_number()), dropped);
    }
    std::vector<std::jthread> threads;
    begin = Clock::now();
    for (size_t i = 0; i < parts.size(); ++i) {
      threads.emplace_back([&, i] {
        while (!over) run_once(connections[i], run_of(which, fresh_number()), parts[i]);
      });
    }
    while (Clock::now() - begin < duration && !interrupted()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      bench.progress.tell(Clock::now() - begin, duration);
    }
    over = true;
  }
  Measurement sum(which.group, which.name);
  sum.language = which.language;
  sum.clients = clients;
  sum.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  for (Measurement& part : parts) merge(sum, std::move(part));
  return sum;
}

}  // namespace ci::bench
