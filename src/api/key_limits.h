#pragma once
// What a key may do: so many requests in each period, so many runs at once, so long, in these languages, with these packages.

#include <chrono>

#include "access/managed_keys.h"
#include "access/principal.h"
#include "access/run_places.h"
#include "api/route.h"
#include "pool/sandbox_pool.h"

namespace ci::api {

// Counts each request that costs something against the limits of its key; without `enforced` it only counts. `managed` outlives it.
Charge charge_of_keys(access::ManagedKeys& managed, bool enforced);

// Throws 403 for a language that this key may not use.
void check_language(const access::Principal& principal, const std::string& language);

// The set of packages that a run finds: the one that it asks for, else the first of its key's; empty: none. Throws 400 when there is
// no such set, 403 when its key may not use it, and 503 while the first of its key's is not there.
std::string package_set_of(const access::Principal& principal, const std::string& asked, const pool::SandboxPool& pool);

// For a run to hold until it ends; null when its key may have as many as it likes. Throws 429 when it has as many runs as it may
// have at once.
awaitable<std::shared_ptr<access::RunPlaces::Place>> take_place(
    access::RunPlaces& places, const access::Principal& principal);

// The longest that a run of this key may take.
std::chrono::seconds longest_run(const access::Principal& principal, std::chrono::seconds of_server);

}  // namespace ci::api
