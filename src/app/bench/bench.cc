#include "app/bench/bench.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <thread>

#include "app/bench/baseline.h"
#include "app/bench/cases.h"
#include "app/bench/http_client.h"
#include "app/bench/report.h"
#include "app/bench/server_timing.h"
#include "base/failure.h"
#include "base/ids.h"

namespace ci::bench {

namespace {

using Clock = std::chrono::steady_clock;

std::string now_text() { return fmt::format("{:%H:%M:%S}", fmt::localtime(std::time(nullptr))); }

// One line that is written over while things go on; nothing where nobody watches.
class Progress {
 public:
  explicit Progress(std::string name) : name_(std::move(name)), shown_(::isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // From any thread.
  void tell(int done, int all) {
    if (!shown_) return;
    const std::scoped_lock lock(mutex_);
    if (Clock::now() - last_ < std::chrono::milliseconds(100) && done < all) return;
    last_ = Clock::now();
    fmt::print(stderr, "\r{}: {} of {}\033[K", name_, done, all);
    std::fflush(stderr);
  }

 private:
  std::string name_;
  bool shown_;
  std::mutex mutex_;
  Clock::time_point last_{};
};

// Empty when the answer is what it should be, else a sentence.
std::string complaint(const Reply& reply, const std::string& expected) {
  boost::system::error_code error;
  const boost::json::value body = boost::json::parse(reply.body, error);
  const boost::json::object* fields = error ? nullptr : body.if_object();
  const auto text_of = [&](const char* name) -> std::string {
    const boost::json::value* value = fields == nullptr ? nullptr : fields->if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  };
  if (reply.status != 200) return fmt::format("status {} {}", reply.status, text_of("error"));
  if (fields == nullptr) return "the answer is not JSON";
  if (text_of("stdout") != expected) {
    return fmt::format("stdout is \"{:.60}\", stderr \"{:.200}\"", text_of("stdout"), text_of("stderr"));
  }
  return "";
}

class CaseRun {
 public:
  CaseRun(const BenchRequest& request, const Address& address, const Case& which)
      : request_(request), address_(address), case_(which), progress_(std::string(which.name)) {
    result_.name = which.name;
    result_.language = which.language;
    result_.requests = request.count;
    result_.clients = request.clients;
  }

  CaseResult measure() {
    std::vector<HttpClient> clients;
    for (int i = 0; i < request_.clients; ++i) clients.emplace_back(address_, request_.key);
    // Every client warms up, so that no measured request pays for a connection.
    run(clients, std::max(request_.warm_up, request_.clients), false);
    const auto begin = Clock::now();
    run(clients, request_.count, true);
    result_.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return std::move(result_);
  }

 private:
  void run(std::vector<HttpClient>& clients, int count, bool measured) {
    std::atomic<int> left = count, done = 0;
    std::vector<std::jthread> threads;
    const auto work = [&](HttpClient& client) {
      while (left.fetch_sub(1) > 0) {
        one(client, measured);
        const int finished = ++done;
        if (measured) progress_.tell(finished, count);
      }
    };
    for (size_t i = 1; i < clients.size(); ++i) threads.emplace_back(work, std::ref(clients[i]));
    work(clients.front());
  }

  void one(HttpClient& client, bool measured) {
    // Not the number alone: a server that has been measured before has seen small numbers.
    static const std::uint64_t offset = static_cast<std::uint64_t>(std::time(nullptr)) * 1'000'000;
    static std::atomic<std::uint64_t> counter = 0;
    const std::uint64_t number = offset + ++counter;
    std::string problem;
    Reply reply;
    try {
      reply = client.post("/exec", request_body(case_, number));
      problem = complaint(reply, numbered(case_.expected, number));
    } catch (const Failure& failure) {
      problem = failure.what();
    }
    if (!measured) return;
    const std::scoped_lock lock(mutex_);
    if (!problem.empty()) {
      ++result_.errors[problem];
      return;
    }
    result_.times.push_back(reply.time.count());
    for (const auto& [step, time] : parse_server_timing(reply.server_timing)) {
      auto place = std::ranges::find(result_.steps, step, &std::pair<std::string, std::vector<double>>::first);
      if (place == result_.steps.end()) place = result_.steps.emplace(place, step, std::vector<double>());
      place->second.push_back(time);
    }
  }

  const BenchRequest& request_;
  const Address& address_;
  const Case& case_;
  Progress progress_;
  std::mutex mutex_;
  CaseResult result_;
};

bool is_wanted(const BenchRequest& request, const Case& which) {
  if (request.only.empty()) return true;
  return std::ranges::any_of(
      request.only, [&](const std::string& name) { return name == which.name || name == which.language; });
}

// Whether the server runs the language at all: one that is not installed is no error.
bool can_run(const Address& address, const BenchRequest& request, const Case& which) {
  HttpClient client(address, request.key);
  const Reply reply = client.post("/exec", request_body(which, 0));
  if (reply.status == 401) throw Failure(FailureKind::invalid, "the server refuses the key");
  if (reply.status == 200 || reply.status >= 500) return true;
  fmt::print(stderr, "{} is left out: the server answers {}\n", which.name, complaint(reply, ""));
  return false;
}

}  // namespace

int bench(const BenchRequest& request) {
  const Address address = parse_address(request.base);
  Report report;
  report.base = request.base;
  ::getloadavg(&report.load_before, 1);
  report.begin = now_text();

  std::vector<const Case*> chosen;
  for (const Case& which : cases()) {
    if (is_wanted(request, which) && can_run(address, request, which)) chosen.push_back(&which);
  }
  if (chosen.empty()) throw Failure(FailureKind::invalid, "there is no such case, or the server can run none");

  fmt::print(
      "{} requests of each case, {} client{}, load average before: {:.2f}\nclock starts {}\n", request.count, request.clients,
      request.clients == 1 ? "" : "s", report.load_before, report.begin);
  std::fflush(stdout);
  for (const Case* which : chosen) report.cases.push_back(CaseRun(request, address, *which).measure());
  if (request.baseline) {
    Progress progress("bare python3");
    report.baseline = measure_bare_python(
        std::min(request.warm_up, 5), request.count, [&](int done) { progress.tell(done, request.count); });
  }
  report.end = now_text();
  fmt::print("clock stops  {}\n\n{}", report.end, table_of(report));

  if (!request.json_file.empty()) {
    std::ofstream file(request.json_file, std::ios::binary);
    file << json_of(report);
    file.close();
    if (!file) throw Failure(FailureKind::internal, "writing " + request.json_file + " failed");
    fmt::print("\nwritten to {}\n", request.json_file);
  }
  const bool clean = std::ranges::all_of(report.cases, [](const CaseResult& result) { return result.errors.empty(); });
  return clean ? 0 : 1;
}

}  // namespace ci::bench
