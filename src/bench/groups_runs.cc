// The groups that are made of the table of cases: sequential, languages, documents, engine, concurrency.

#include <fmt/format.h>

#include "bench/groups.h"
#include "bench/interrupt.h"

namespace ci::bench {

void measure_cases(Workbench& bench, std::string_view group) {
  for (const Case& which : cases()) {
    if (interrupted()) return;
    if (which.group == group && bench.selection.wants_case(group, which.name, which.language)) {
      measure_case(bench, which, true);
    }
  }
}

void measure_engine(Workbench& bench) {
  if (bench.selection.wants_group("languages")) return;  // they have been measured, or left out for a reason
  for (const Case& which : language_cases()) {
    if (interrupted()) return;
    if (!which.name.ends_with(" hello") || find_measurement(bench.report, which.group, which.name) != nullptr) continue;
    measure_case(bench, which, false);
  }
}

void measure_concurrency(Workbench& bench) {
  for (const int clients : bench.request.clients) {
    if (interrupted()) return;
    const std::string name = fmt::format("{} client{}", clients, clients == 1 ? "" : "s");
    bench.progress.begin(name);
    Measurement measurement = closed_loop(bench, case_named("py hello"), clients, bench.request.duration);
    measurement.group = "concurrency";
    measurement.name = name;
    bench.report.measurements.push_back(std::move(measurement));
  }
}

}  // namespace ci::bench
