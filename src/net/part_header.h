#pragma once
// Header values with parameters, as multipart/form-data uses them: form-data; name="a"; filename="b.txt".

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "net/multipart.h"

namespace ci::net {

struct ParameterizedValue {
  ParameterizedValue() = default;
  std::string value;                              // lower case
  std::map<std::string, std::string> parameters;  // names in lower case, quotes and escapes removed
};

// Nothing when it is malformed, for example a quote that is not closed or a name given twice.
std::optional<ParameterizedValue> parse_parameterized(std::string_view text);

// The lines between a boundary and a part's body. Throws Failure (invalid).
PartHeader parse_part_header(std::string_view lines);

}  // namespace ci::net
