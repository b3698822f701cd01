#pragma once
// What Prometheus gets to see of this server: every family is declared here, but for those that need somebody above us to ask
// (Figures::registry). Labels have few values, none of them from a client. I/O thread.

#include <string>
#include <string_view>

#include "metrics/registry.h"
#include "metrics/run_record.h"
#include "metrics/tally.h"
#include "pool/sandbox_pool.h"

namespace ci::metrics {

class Figures final : public RunRecorder {
 public:
  explicit Figures(const std::string& version);
  // From now on; it outlives this.
  void show_pool(const pool::SandboxPool& pool);

  void record(const RunRecord& run) override;
  void record(const RequestRecord& request);
  // A call to a store ("redis", "sqlite", "s3", "disk") and what it was for ("get", "write").
  void store_call(const char* store, const char* operation, std::chrono::microseconds time, bool failed);

  Registry& registry() { return registry_; }
  std::string text(Format format) const { return registry_.text(format); }

 private:
  void show_process(const std::string& version);

  Registry registry_;
  Histogram& request_time_;
  Counter& run_count_;
  Histogram& run_time_;
  Histogram& run_wait_;
  Histogram& run_step_;
  Histogram& run_memory_;
  Histogram& run_output_;
  Histogram& state_size_;
  Counter& files_;
  Counter& limits_;
  Histogram& store_time_;
  Counter& store_failures_;
};

}  // namespace ci::metrics
