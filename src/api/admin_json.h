#pragma once
// The JSON that administrators send. Pure functions.

#include <string_view>

#include "access/key_records.h"

namespace ci::api {

// What a body says of a key. Throws 422 with an entry for each bad field, also when a new one has no name. Limits and ceilings
// that are 0 or missing are none; an object of them replaces all that were there.
access::KeyChange parse_key(std::string_view body, bool is_new);

}  // namespace ci::api
