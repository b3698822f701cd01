#pragma once
// What clients need not know.

#include <string>
#include <string_view>

namespace ci::api {

// A sentence of ours without the paths of this machine in it: where the server keeps things is for its log.
std::string without_paths(std::string_view text);

}  // namespace ci::api
