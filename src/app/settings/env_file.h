#pragma once
// The `.env` file: NAME=value lines beside the program, as shells and docker compose write them. Pure functions.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ci::app {

struct EnvFile {
  std::vector<std::pair<std::string, std::string>> entries;  // in order; a later one wins
  std::vector<int> unreadable_lines;                         // counted from 1; skipped
  std::vector<int> open_quotes;                              // of these the ones whose quote never ends
};

// Blank lines and lines that start with '#' are nothing; "export " in front is allowed. A value is
//   bare         up to the line's end or a '#' after a space, trimmed;
//   'single'     as it stands, may span lines;
//   "double"     with \n \r \t \" \\ \$, may span lines.
// Nothing is expanded: a key that contains '$' stays as it is.
EnvFile parse_env_file(std::string_view text);

}  // namespace ci::app
