#pragma once
// The JSON of POST /exec, both ways. Pure functions.

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "execution/request.h"
#include "execution/result.h"

namespace ci::api {

// What a body asks for, without the caller. `languages` are the codes that this host runs. Throws 422 with an
// entry for each bad field, then 400 for the language, then 400 for blank code.
execution::ExecutionRequest parse_execution(
    std::string_view body, std::span<const std::string> languages, std::chrono::seconds time_limit);

std::string describe_result(const execution::ExecutionResult& result);

// A result without a run: what is left to say when the answer has begun and our machinery failed.
std::string describe_lost_result(std::string_view session, std::string_view reason);

}  // namespace ci::api
