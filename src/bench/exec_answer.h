#pragma once
// What a server answers to POST /exec, and whether it is right. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "bench/http_client.h"

namespace ci::bench {

struct AnswerFile {
  std::string id, name, session;
};

struct ExecAnswer {
  int status = 0;
  bool is_json = false;
  std::string out, err;
  std::string error;  // of an answer that is none of a run
  std::string session;
  bool has_state = false;
  double state_bytes = 0;
  std::vector<AnswerFile> files;
};

// Members that are missing or of a wrong type are as if they were empty.
ExecAnswer parse_answer(const Reply& reply);

// Empty when the run printed exactly `expected` and left at least `files` files; else a sentence.
std::string complaint(const ExecAnswer& answer, std::string_view expected, int files);

// A reason why the server cannot be measured with this program at all (it lacks the language, or a library or command that the
// program uses), which is no mistake; empty when there is none.
std::string reason_to_skip(const ExecAnswer& answer);

}  // namespace ci::bench
