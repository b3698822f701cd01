#pragma once
// `kubecoderun bench`: how long runs take, measured as a client sees them, beside a bare interpreter on the same machine.

#include <string>
#include <vector>

namespace ci::bench {

struct BenchRequest {
  std::string base = "http://127.0.0.1:8000";
  std::string key;
  std::vector<std::string> only;  // names of cases, or languages; empty: all that the server can run
  int count = 200;                // measured requests of each case
  int warm_up = 10;               // before them, not counted
  int clients = 1;                // connections at the same time
  bool baseline = true;
  std::string json_file;          // empty: none
};

// 0 when every request was answered as it should, else 1.
int bench(const BenchRequest& request);

}  // namespace ci::bench
