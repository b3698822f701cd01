#pragma once
// What was counted of each run.

#include <vector>

#include "metrics/run_record.h"

namespace ci::execution::testing {

class KeptRecords final : public metrics::RunRecorder {
 public:
  void record(const metrics::RunRecord& run) override { records.push_back(run); }
  std::vector<metrics::RunRecord> records;
};

}  // namespace ci::execution::testing
