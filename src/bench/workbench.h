#pragma once
// What every group of measurements shares: where to send requests, what was asked for, and where results go.

#include <string>
#include <string_view>

#include "bench/bench.h"
#include "bench/cases.h"
#include "bench/exec_answer.h"
#include "bench/http_client.h"
#include "bench/progress.h"
#include "bench/report.h"
#include "bench/selection.h"

namespace ci::bench {

struct Workbench {
  const BenchRequest& request;
  const Selection& selection;
  Report& report;
  Progress& progress;
  Address address;
  std::string key;
  bool own_server = false;  // nothing but us uses it
  bool bare = true;         // the bare tools run too

  // A connection of its own.
  HttpClient client() const { return HttpClient(address, key, request.trust); }

  // Of the reason its first 200 characters, on one line.
  void skip(std::string_view name, std::string reason);
  void add(std::string_view group, std::string_view name, double value, std::string_view unit, std::string meaning) {
    report.figures.emplace_back(group, name, value, unit, std::move(meaning));
  }
};

// A run that is not one of cases(): fields of the request beside the program.
struct RunRequest {
  RunRequest(std::string_view in_language, std::string source, std::string prints)
      : language(in_language), code(std::move(source)), expected(std::move(prints)) {}

  std::string language, code;
  std::string expected;
  int files = 0;        // that it must leave
  std::string session;  // to continue; empty: a new one
  std::vector<AnswerFile> inputs;
};

// Sends it and counts: a right answer's time and steps, or an error. The answer is returned in any case; one that did not
// come at all has the status 0.
ExecAnswer run_once(HttpClient& client, const RunRequest& run, Measurement& into);

// The same without counting, for preparing things. Fails as `unavailable` when the answer is not right.
ExecAnswer run_or_fail(HttpClient& client, const RunRequest& run);

// The case until it is over (pace.h), with the bare tool in between if `with_bare`. Nothing is measured, and a reason is
// noted, when the server cannot run it.
void measure_case(Workbench& bench, const Case& which, bool with_bare);

// Clients that each send `which` again as soon as they have their answer, for `duration`.
Measurement closed_loop(Workbench& bench, const Case& which, int clients, std::chrono::duration<double> duration);

}  // namespace ci::bench
