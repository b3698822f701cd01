#pragma once
// What browsers are given: the playground, the API reference with its description, the dashboard, and the scripts of these.
// The pages hold nothing of anybody's; all that they show they ask the API for, with a key that a person types.
// Answered from memory. Any thread.

#include <string>
#include <vector>

#include "net/http.h"

namespace ci::pages {

struct PageRoute {
  std::string pattern;  // for net::Router; GET
  net::Handler handler;
};

enum class Documentation { none, served };  // the playground, /docs and /openapi.json

// Nothing of it needs a key.
std::vector<PageRoute> routes(Documentation documentation);

}  // namespace ci::pages
