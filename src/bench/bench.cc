#include "bench/bench.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <optional>

#include "base/failure.h"
#include "base/version.h"
#include "bench/groups.h"
#include "bench/interrupt.h"
#include "bench/own_server.h"
#include "bench/report_json.h"
#include "bench/report_tables.h"

namespace ci::bench {

namespace {

constexpr int status_interrupted = 130;  // as a shell counts ^C

std::string now_text() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

// Of /health, which needs no key; also the first sign that somebody is there.
std::string version_of_server(const Workbench& bench) {
  boost::json::error_code error;
  const boost::json::value body = boost::json::parse(bench.client().get("/health").body, error);
  const boost::json::value* version = error || !body.is_object() ? nullptr : body.get_object().if_contains("version");
  return version != nullptr && version->is_string() ? std::string(version->get_string()) : "";
}

// Whether some group needs the server that all share.
bool needs_server(const Selection& selection) {
  return std::ranges::any_of(
             groups(),
             [&](const Group& group) {
               return group.name != "start" && group.name != "memory" && selection.wants_group(group.name);
             }) ||
         std::ranges::any_of(
             cases(), [&](const Case& which) { return selection.wants_case(which.group, which.name, which.language); });
}

// A group that cannot go on leaves an error in the report, and what the others measured is shown all the same.
template <class Work>
void attempt(Workbench& bench, std::string_view group, Work work) {
  if (interrupted()) return;
  try {
    work();
  } catch (const Failure& failure) {
    if (failure.kind() == FailureKind::invalid) throw;  // a mistake of who asked, such as a wrong key
    if (interrupted()) return;                          // it failed because of that
    Measurement broken(group, "the whole group");
    broken.errors[failure.what()] = 1;
    bench.report.measurements.push_back(std::move(broken));
  }
}

void measure_with_server(Workbench& bench) {
  bench.report.server_version = version_of_server(bench);
  for (const char* group : {"sequential", "languages", "documents"}) {
    attempt(bench, group, [&] { measure_cases(bench, group); });
  }
  const auto group = [&](std::string_view name, void (*measure)(Workbench&)) {
    if (bench.selection.wants_group(name)) attempt(bench, name, [&] { measure(bench); });
  };
  group("concurrency", measure_concurrency);
  group("state", measure_state);
  group("files", measure_files);
  group("fairness", measure_fairness);
  if (!bench.request.only.empty()) group("kubernetes", measure_pods);  // it is of clusters: only when it is named
  group("engine", measure_engine);
}

void measure_everything(Workbench& bench) {
  if (bench.selection.wants_group("start")) attempt(bench, "start", [&] { measure_start(bench); });
  if (needs_server(bench.selection) && !interrupted()) {
    std::optional<OwnServer> server;
    if (bench.own_server) {
      bench.progress.begin("starting a server");
      try {
        server.emplace();
      } catch (const Failure&) {
        if (interrupted()) return;
        throw;
      }
      server->wait_until_warm();
      bench.address = parse_address(server->base());
      bench.key = server->key();
      bench.report.base = server->base();
    }
    measure_with_server(bench);
  }
  if (bench.selection.wants_group("memory")) attempt(bench, "memory", [&] { measure_memory(bench); });
}

void show(const Report& report, bool markdown) {
  const auto print = [markdown](const Table& table) {
    fmt::print("{}\n", markdown ? as_markdown(table) : as_text(table));
  };
  print(heading_of(report));
  for (const Table& table : tables_of(report)) print(table);
  fmt::print(
      "Measured from {} to {}, load average {:.2f} after.{}\n", report.begin, report.end, report.after.one_minute,
      report.interrupted ? " Interrupted: not everything was measured." : "");
  std::fflush(stdout);
}

void write_json(const Report& report, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file << json_of(report);
  file.close();
  if (!file) throw Failure(FailureKind::internal, "writing " + path + " failed");
}

}  // namespace

std::string describe_groups() {
  std::string text = "Groups, in the order in which they are measured:\n";
  for (const Group& group : groups()) text += fmt::format("  {:<12} {}\n", group.name, group.meaning);
  text +=
      "\nEverything takes about ten minutes. Examples:\n"
      "  kubecoderun bench\n"
      "  kubecoderun bench --only py,bash --count 50\n"
      "  kubecoderun bench --only \"py hello,concurrency\" --clients 1,50 --duration 30\n"
      "  kubecoderun bench --base https://host:8443 --key sk-… --ca ca.pem --json result.json\n"
      "Without --base a server of this program is started on a free port of the loopback interface, with the settings "
      "of\n"
      "the environment, the embedded stores and an empty data directory, and stopped afterwards.\n"
      "The exit status is 0 when every answer was right; missed targets do not change it.";
  return text;
}

int bench(const BenchRequest& request) {
  const Selection selection(request.only);
  watch_interrupts();
  Report report;
  report.client_version = version();
  report.own_server = request.base.empty();
  report.base = request.base.empty() ? "the loopback interface" : request.base;
  if (report.own_server) report.server_version = report.client_version;  // the same program
  report.count = request.count;
  report.warm_up = request.warm_up;
  report.duration = static_cast<double>(request.duration.count());
  report.pause = std::chrono::duration<double>(request.pause).count();
  report.machine = describe_machine();
  {
    Progress progress;
    report.before = observe_load();
    if (const std::string warning = warn_about(report.before, report.machine.processors); !warning.empty()) {
      progress.note("warning: " + warning);
    }
    report.begin = now_text();
    Workbench bench{request, selection, report, progress, Address(), request.key};
    bench.own_server = request.base.empty();
    if (!request.base.empty()) bench.address = parse_address(request.base);
    bench.bare = request.bare && (bench.own_server || bench.address.is_local());
    if (request.bare && !bench.bare) bench.skip("bare tools", "the server is on another machine");
    measure_everything(bench);
    report.end = now_text();
    report.interrupted = interrupted();
    ::getloadavg(&report.after.one_minute, 1);
  }
  show(report, request.markdown);
  if (!request.json_file.empty()) write_json(report, request.json_file);
  if (report.interrupted) return status_interrupted;
  const bool clean =
      std::ranges::all_of(report.measurements, [](const Measurement& each) { return each.errors.empty(); });
  return clean ? 0 : 1;
}

}  // namespace ci::bench
