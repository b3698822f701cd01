#include "metrics/run_record.h"

#include <cmath>

#include "base/log.h"

namespace ci::metrics {

namespace {

double milliseconds(std::chrono::microseconds time) { return std::round(static_cast<double>(time.count()) / 100) / 10; }

}  // namespace

void RunLog::record(const RunRecord& run) {
  log(run.outcome == "failed" ? LogLevel::error : LogLevel::info, "run",
      {{"run_id", run.id},
       {"request_id", run.request_id},
       {"trace_id", run.trace.trace_id},
       {"session_id", run.session},
       {"api_key_hash", run.key.substr(0, 8)},
       {"language", run.language},
       {"outcome", run.outcome},
       {"reason", run.reason},
       {"exit_code", run.exit_code},
       {"duration_ms", milliseconds(run.total_time)},
       {"wait_ms", milliseconds(run.wait_time)},
       {"program_ms", milliseconds(run.program_time)},
       {"cpu_ms", milliseconds(run.cpu_time)},
       {"peak_memory", run.peak_memory},
       {"output_bytes", run.output_bytes},
       {"files", run.files}});
}

}  // namespace ci::metrics
