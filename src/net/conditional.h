#pragma once
// Reading only what is new, or only a part (RFC 9110, sections 13 and 14). Pure functions.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/http.h"

namespace ci::net {

using TimePoint = std::chrono::system_clock::time_point;

// Whether `list`, the value of If-None-Match, names `tag`, which is quoted: *, several, weak and unquoted forms count.
bool names_tag(std::string_view list, std::string_view tag);

// Whether the client has it already: If-None-Match, and without that If-Modified-Since. Answer 304 then.
bool is_known_to(const Headers& request, std::string_view tag, TimePoint modified);

struct Selection {
  enum class Kind { whole, part, none } kind = Kind::whole;  // none: beyond the end, answer 416
  std::uint64_t offset = 0, length = 0;
};

// Which bytes of `size` a Range header asks for. Several ranges, other units and what is malformed mean the whole, and
// so does an If-Range that names something else.
Selection select_bytes(const Headers& request, std::string_view tag, TimePoint modified, std::uint64_t size);

// "Thu, 01 Jan 1970 00:00:00 GMT"
std::string http_date(TimePoint time);

}  // namespace ci::net
