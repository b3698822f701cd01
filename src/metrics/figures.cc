#include "metrics/figures.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "metrics/buckets.h"

namespace ci::metrics {

namespace {

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double open_descriptors() {
  std::error_code error;
  double count = 0;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

Figures::Figures(const std::string& version)
    : request_time_(registry_.latency(
          "kubecoderun_http_request_duration_seconds", "Time to answer a request.", {"route", "status"})),
      run_count_(registry_.counter("kubecoderun_runs", "Runs that have ended.", {"language", "outcome"})),
      run_time_(registry_.latency(
          "kubecoderun_run_duration_seconds", "From the wish to the end of a run, with all waiting.",
          {"language", "outcome"})),
      run_wait_(registry_.latency(
          "kubecoderun_run_wait_seconds", "Waiting of a run for a place and a sandbox.", {"language"})),
      run_step_(registry_.latency("kubecoderun_run_step_seconds", "Time of each step of a run.", {"step"})),
      run_memory_(registry_.size("kubecoderun_run_peak_memory_bytes", "Most memory that a run had.", {"language"})),
      run_output_(
          registry_.size("kubecoderun_run_output_bytes", "What a run printed, as its client gets it.", {"language"})),
      state_size_(registry_.size("kubecoderun_state_bytes", "States that runs left.", {})),
      files_(registry_.counter("kubecoderun_run_files", "Files that came of runs.", {"language"})),
      limits_(
          registry_.counter("kubecoderun_limits_hit", "Runs and requests that a limit ended or refused.", {"limit"})),
      store_time_(registry_.latency("kubecoderun_store_duration_seconds", "Calls to stores.", {"store", "operation"})),
      store_failures_(
          registry_.counter("kubecoderun_store_failures", "Calls to stores that failed.", {"store", "operation"})) {
  for (const char* limit : {"time", "memory", "requests"}) limits_.add({limit}, 0);
  show_process(version);
}

void Figures::record(const RunRecord& run) {
  run_count_.add({run.language, run.outcome});
  run_time_.observe({run.language, run.outcome}, seconds(run.total_time), run.trace.trace_id);
  run_wait_.observe({run.language}, seconds(run.wait_time));
  for (const auto& [name, time] : run.steps) {
    // The names of the header Server-Timing and of the performance guide.
    std::string step = name;
    std::ranges::replace(step, ' ', '_');
    run_step_.observe({step}, static_cast<double>(time) / 1e6);
  }
  if (run.peak_memory > 0) run_memory_.observe({run.language}, static_cast<double>(run.peak_memory));
  run_output_.observe({run.language}, static_cast<double>(run.output_bytes));
  if (run.state_bytes > 0) state_size_.observe({}, static_cast<double>(run.state_bytes));
  if (run.files > 0) files_.add({run.language}, static_cast<double>(run.files));
  if (run.outcome == "timed_out") limits_.add({"time"});
  if (run.outcome == "out_of_memory") limits_.add({"memory"});
}

void Figures::record(const RequestRecord& request) {
  request_time_.observe({request.route, std::to_string(request.status)}, seconds(request.time), request.trace_id);
  if (request.status == 429) limits_.add({"requests"});
}

void Figures::store_call(const char* store, const char* operation, std::chrono::microseconds time, bool failed) {
  store_time_.observe({store, operation}, seconds(time));
  if (failed) store_failures_.add({store, operation});
}

void Figures::show_process(const std::string& version) {
  registry_.gauge("kubecoderun_build_info", "Which version this is.", {"version"}, [version](const Emit& emit) {
    emit({version}, 1);
  });
  const double begin = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  registry_.gauge(
      "process_start_time_seconds", "When the server process started, in seconds since 1970.", {},
      [begin](const Emit& emit) { emit({}, begin); });
  registry_.gauge("process_resident_memory_bytes", "Memory of the server process.", {}, [](const Emit& emit) {
    emit({}, resident_bytes());
  });
  registry_.gauge("process_open_fds", "Open descriptors of the server process.", {}, [](const Emit& emit) {
    emit({}, open_descriptors());
  });
  registry_.counter_of("process_cpu_seconds", "Processor time of the server process.", {}, [](const Emit& emit) {
    emit({}, processor_seconds());
  });
}

void Figures::show_pool(const pool::SandboxPool& pool) {
  const auto gauge = [&](const char* name, const char* help, std::uint64_t pool::LanguageStatistics::* field) {
    registry_.gauge(name, help, {"language"}, [&pool, field](const Emit& emit) {
      for (const auto& [code, one] : pool.statistics().languages) emit({code}, static_cast<double>(one.*field));
    });
  };
  gauge("kubecoderun_pool_available", "Sandboxes that are ready.", &pool::LanguageStatistics::available);
  gauge("kubecoderun_pool_in_use", "Sandboxes that run a program.", &pool::LanguageStatistics::in_use);
  gauge("kubecoderun_pool_creating", "Sandboxes that are being made.", &pool::LanguageStatistics::creating);
  gauge("kubecoderun_pool_target", "Sandboxes that should be ready.", &pool::LanguageStatistics::target);
  registry_.gauge("kubecoderun_pool_waiting", "Runs that wait for a sandbox.", {}, [&pool](const Emit& emit) {
    emit({}, static_cast<double>(pool.statistics().waiting));
  });
  const auto counter = [&](const char* name, const char* help, std::uint64_t pool::PoolStatistics::* field) {
    registry_.counter_of(
        name, help, {}, [&pool, field](const Emit& emit) { emit({}, static_cast<double>(pool.statistics().*field)); });
  };
  counter("kubecoderun_pool_acquisitions", "Runs that got a sandbox.", &pool::PoolStatistics::acquisitions);
  counter("kubecoderun_pool_hits", "Runs that found a sandbox ready.", &pool::PoolStatistics::hits);
  counter(
      "kubecoderun_pool_misses", "Runs for which a sandbox was made while they waited.", &pool::PoolStatistics::misses);
  counter(
      "kubecoderun_pool_exhaustions", "Runs for which a sandbox should have been ready and was not.",
      &pool::PoolStatistics::exhaustions);
  counter("kubecoderun_pool_refusals", "Runs that got no sandbox in time.", &pool::PoolStatistics::refusals);
  counter(
      "kubecoderun_pool_waits", "Runs that waited for a sandbox, whatever came of it.", &pool::PoolStatistics::waits);
  const auto time = [&](const char* name, const char* help, std::chrono::microseconds pool::PoolStatistics::* field) {
    registry_.counter_of(
        name, help, {}, [&pool, field](const Emit& emit) { emit({}, seconds(pool.statistics().*field)); });
  };
  time(
      "kubecoderun_pool_acquire_seconds", "Time until runs had their sandbox, together.",
      &pool::PoolStatistics::acquire_time);
  time(
      "kubecoderun_pool_wait_seconds", "Time that runs waited for a sandbox, together.",
      &pool::PoolStatistics::wait_time);
}

}  // namespace ci::metrics
