#include "api/key_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/errors.h"
#include "base/time_text.h"

namespace ci::api {

namespace {

ApiError over_limit(const access::RateRefusal& refusal) {
  const std::string period(access::name_of(refusal.period));
  const std::string numbers = fmt::format("Limit: {}, Used: {}", refusal.limit, refusal.used);
  ApiError error = ApiError::rate_limited(fmt::format("Rate limit exceeded for {}. {}", period, numbers), refusal.wait);
  error.set_details({{period, numbers, "rate_limit_exceeded"}});
  error.add_header("X-RateLimit-Limit", std::to_string(refusal.limit));
  error.add_header("X-RateLimit-Remaining", "0");
  error.add_header("X-RateLimit-Reset", iso_time(refusal.reset));
  error.add_header("X-RateLimit-Period", period);
  return error;
}

awaitable<void> charge(access::ManagedKeys& managed, bool enforced, const access::Principal& principal) {
  if (principal.hash.empty()) co_return;
  access::RateLimits limits;
  if (enforced) limits = principal.limits;
  const auto refusal = co_await managed.limiter.admit(principal.hash, limits, std::chrono::system_clock::now());
  if (refusal) throw over_limit(*refusal);
}

}  // namespace

Charge charge_of_keys(access::ManagedKeys& managed, bool enforced) {
  return
      [&managed, enforced](const access::Principal& principal, Cost) { return charge(managed, enforced, principal); };
}

void check_language(const access::Principal& principal, const std::string& language) {
  const access::Ceilings& ceilings = principal.ceilings;
  if (ceilings.allows(language)) return;
  throw ApiError(
      403, fmt::format("This key may not run {}; it may run {}", language, fmt::join(ceilings.languages, ", ")));
}

awaitable<std::shared_ptr<access::RunPlaces::Place>> take_place(
    access::RunPlaces& places, const access::Principal& principal) {
  const auto most = principal.ceilings.runs_at_once;
  if (!most) co_return nullptr;
  auto place = co_await places.take(principal.hash, *most);
  if (place) co_return place;
  throw ApiError::rate_limited(
      fmt::format("This key may have {} runs at once, and has as many", *most), std::chrono::seconds(1));
}

std::chrono::seconds longest_run(const access::Principal& principal, std::chrono::seconds of_server) {
  return std::min(of_server, principal.ceilings.run_time.value_or(of_server));
}

}  // namespace ci::api
