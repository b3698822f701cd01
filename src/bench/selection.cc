#include "bench/selection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/failure.h"
#include "bench/cases.h"

namespace ci::bench {

namespace {

constexpr std::array<Group, 11> all_groups = {{
    {"start", "from starting a server until it has answered in Python and in Bash (a server of its own only)"},
    {"sequential", "ten Python programs one after the other, from no imports to scikit-learn"},
    {"languages", "hello in every language and what people do most, each beside the bare tool"},
    {"documents",
     "documents, a picture of text and a film, with the packages of ./run --with documents (only when named)"},
    {"concurrency", "clients that ask again as soon as they have their answer: throughput and latency"},
    {"state", "what keeping Python variables adds to a run"},
    {"files", "upload and download of 1 MB, and a run that reads and writes as much"},
    {"fairness", "a small program alone, and while others use all the processor they get"},
    {"kubernetes",
     "runs in warm pods and in pods made for them, beside the cluster by itself, and the refill (only when it is "
     "named, of a server with "
     "EXECUTOR=kubernetes)"},
    {"engine", "what part of the time each step on the server takes"},
    {"memory", "memory of each warm sandbox and of the server (a server of its own only)"},
}};

std::string plain(std::string_view word) {
  std::string result(word);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return c == '-' ? ' ' : std::tolower(c); });
  const size_t begin = result.find_first_not_of(' ');
  if (begin == result.npos) return "";
  return result.substr(begin, result.find_last_not_of(' ') - begin + 1);
}

bool is_group(const std::string& word) { return std::ranges::find(all_groups, word, &Group::name) != all_groups.end(); }

bool is_case(const std::string& word) {
  return std::ranges::any_of(
      cases(), [&](const Case& which) { return plain(which.name) == word || which.language == word; });
}

}  // namespace

std::span<const Group> groups() { return all_groups; }

Selection::Selection(const std::vector<std::string>& words) {
  for (const std::string& text : words) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::string_view part = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
      const std::string word = plain(part);
      if (word.empty()) continue;
      if (!is_group(word) && !is_case(word)) {
        std::vector<std::string_view> known;
        for (const Group& group : all_groups) known.push_back(group.name);
        throw Failure(
            FailureKind::invalid,
            fmt::format("\"{}\" is no group ({}), no case and no language", std::string(part), fmt::join(known, ", ")));
      }
      words_.push_back(word);
    }
  }
}

bool Selection::names(std::string_view word) const { return std::ranges::find(words_, plain(word)) != words_.end(); }

bool Selection::wants_group(std::string_view group) const { return words_.empty() || names(group); }

bool Selection::wants_case(std::string_view group, std::string_view name, std::string_view language) const {
  // Few servers have what these need, and they are slow.
  if (group == "documents") return names(group) || names(name);
  return wants_group(group) || names(name) || names(language);
}

}  // namespace ci::bench
