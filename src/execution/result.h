#pragma once
// What came of a run. Plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "execution/left_out.h"
#include "metrics/run_record.h"
#include "pool/sandbox_pool.h"
#include "state/states.h"

namespace ci::execution {

struct ResultFile {
  std::string id;
  std::string name;
  std::string session;
  bool inherited = false;
  std::string modified_from_id, modified_from_session;  // empty: not an edited input
  std::string entity;
  std::string sha256;
};

struct ExecutionResult {
  ExecutionResult() = default;

  std::string session;
  std::string session_name_digest;  // when the request named its session: 40 hex digits
  bool session_existed = false;     // and it had files, or may have had
  std::string out, err;  // shaped: cut, cleaned, with our lines on time-outs, memory, signals and missing files
  bool out_cut = false;  // `out` is only the beginning
  std::vector<metrics::FileMark> inputs;  // that the program found
  std::vector<ResultFile> files;
  std::vector<std::string> deleted;  // names, as they were given, of references whose files the program removed
  Delivery delivery;
  Truncation truncation;
  std::optional<state::Summary> state;  // of the session, when this run made or confirmed it
  pool::Outcome outcome;
  bool found_warm = false;                                   // the sandbox was ready when it was asked for
  std::vector<std::pair<std::string, std::uint64_t>> steps;  // microseconds of each step, for Server-Timing
};

}  // namespace ci::execution
