#pragma once
// What is true of a route before its handler is asked.

#include <functional>

#include "access/principal.h"
#include "base/async.h"

namespace ci::api {

enum class Who {
  known,          // whoever has a credential
  anybody,        // probes, documentation, and what browsers ask before they ask; also while the server stops
  administrator,  // whoever has the master key
};

// What a request uses up of what its caller may use. What continues, cancels or deletes something costs nothing: a refusal in the
// middle of a piece of work would lose it.
enum class Cost { nothing, run, transfer };

enum class BodyType {
  usual,  // a type that some route reads: JSON, forms, plain text
  any,    // its handler looks for itself
};

struct Route {
  Who who = Who::known;
  Cost cost = Cost::nothing;
  BodyType body = BodyType::usual;
};

// Takes the cost of one request, once it is known who sends it and before its handler is called. Throws ApiError when the
// caller has used up what it may.
using Charge = std::function<awaitable<void>(const access::Principal&, Cost)>;

}  // namespace ci::api
