#include "api/key_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/errors.h"
#include "base/time_text.h"
#include "pool/elsewhere.h"

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

std::string package_set_of(
    const access::Principal& principal, const std::string& asked, const pool::SandboxPool& pool) {
  const std::vector<std::string>& own = principal.ceilings.package_sets;
  if (asked.empty() && own.empty()) return {};
  std::vector<std::string> there = pool.package_sets();
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  if (asked.empty()) {
    if (has(there, own.front())) return own.front();
    throw ApiError::unavailable(
        fmt::format("This key's set of packages, {}, is not on this server; its operator can add it", own.front()));
  }
  if (!own.empty() && !has(own, asked)) {
    throw ApiError(
        403, fmt::format("This key may not use the packages {}; it may use {}", asked, fmt::join(own, ", ")));
  }
  if (has(there, asked)) return asked;
  if (!own.empty()) std::erase_if(there, [&](const std::string& name) { return !has(own, name); });
  std::string known = fmt::format("there are: {}", fmt::join(there, ", "));
  if (there.empty()) known = "there are none on this server";
  if (dynamic_cast<const pool::Elsewhere*>(&pool) != nullptr)
    known = "its programs find the packages of the image that they run in, and no others";
  throw ApiError(
      400, "Unknown set of packages: " + asked,
      {{"packages", fmt::format("There is no set of packages '{}'; {}", asked, known), "unknown_packages"}});
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
