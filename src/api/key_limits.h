#pragma once
// What a key may do: so many requests in each period, so many runs at once, so long, in these languages.

#include <chrono>

#include "access/managed_keys.h"
#include "access/principal.h"
#include "api/route.h"

namespace ci::api {

// Counts each request that costs something against the limits of its key; without `enforced` it only counts. `managed` outlives it.
Charge charge_of_keys(access::ManagedKeys& managed, bool enforced);

// Throws 403 for a language that this key may not use, 429 when it has as many runs as it may have at once.
void check_ceilings(const access::Principal& principal, const std::string& language, std::size_t runs);

// The longest that a run of this key may take.
std::chrono::seconds longest_run(const access::Principal& principal, std::chrono::seconds of_server);

}  // namespace ci::api
