#pragma once
// What stands between the method and the version of a request line, in the one form that handlers see.
// Clients join base addresses and routes carelessly: "/v1/exec", "//exec" and "/exec/" are all "/exec".

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ci::net {

struct Target {
  std::vector<std::string> segments;  // split first, decoded then: "%2F" does not split
  std::vector<std::pair<std::string, std::string>> query;

  std::string path() const;  // the segments joined; "/" when there are none
};

// Folds repeated slashes, drops a trailing slash and one leading "v1", decodes. Takes the absolute form
// ("http://host/path") too. Nothing for any other form, a bad percent escape or a NUL.
std::optional<Target> parse_target(std::string_view text);

// "%41+" is "A+", or "A " with Plus::space. Nothing for a bad escape or a NUL.
enum class Plus { literal, space };
std::optional<std::string> percent_decode(std::string_view text, Plus plus = Plus::literal);

}  // namespace ci::net
