#pragma once
// `kubecoderun bench`: how long things take, measured as a client sees them, beside the bare tools on the same machine.

#include <chrono>
#include <string>
#include <vector>

#include "bench/http_client.h"

namespace ci::bench {

struct BenchRequest {
  std::string base;                               // empty: a server of our own is started and stopped
  std::string key;                                // of `base`
  Trust trust;                                    // for https
  std::vector<std::string> only;                  // groups, cases or languages (selection.h); empty: everything
  int count = 200;                                // measured requests of each case at most
  int warm_up = 10;                               // before them, not counted
  std::chrono::seconds duration{10};              // of the measured requests of each case at most
  std::chrono::milliseconds pause{0};             // between two requests of a case, in which the pool can refill
  std::vector<int> clients = {1, 5, 10, 20, 50};  // levels of the group `concurrency`
  bool bare = true;                               // the bare tools too, where the server is on this machine
  bool markdown = false;                          // tables for a document instead of a terminal
  std::string json_file;                          // empty: none
};

// 0 when every request was answered as it should, 1 when one was not, 130 when ^C ended it early: the tables then hold
// what there was. A server that cannot be reached or refuses the key, and words of `only` that mean nothing, fail.
int bench(const BenchRequest& request);

// The groups of `only` with what each measures, and examples: for --help.
std::string describe_groups();

}  // namespace ci::bench
