#pragma once
// What a client reads of a program's output. Pure functions.

#include <chrono>
#include <string>
#include <string_view>

#include "pool/sandbox_pool.h"

namespace ci::execution {

// What the client gets of a stream (contract of stdout and stderr), from what is left of it as text: a note where it was
// cut, trailing white space and leading blank lines stripped; stdout that is not empty ends with one line feed.
std::string shape_output(std::string text, bool cut, pool::Stream stream);

// stderr as above and one more line; without one when there is none.
std::string with_line(std::string shaped_err, std::string_view line);

// stderr as above plus the line that explains an ending that is not the program's own.
std::string explain(std::string shaped_err, const pool::Outcome& outcome, std::chrono::milliseconds limit);

// "SIGSEGV"; "SIG99" for one without a name.
std::string signal_name(int signal);

}  // namespace ci::execution
