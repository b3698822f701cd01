#include "kubernetes/election.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <random>

#include "base/failure.h"
#include "base/log.h"
#include "kubernetes/watch.h"

namespace ci::kubernetes {

namespace json = boost::json;

namespace {

// A MicroTime of the API: "2026-11-29T00:05:01.000000Z".
std::string micro_time() {
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
      (now - seconds).count());
}

std::int64_t number_of(const object& spec, std::string_view field) {
  const json::value* value = spec.if_contains(field);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

}  // namespace

Election::Election(Client& client, std::string home, std::string name, std::string identity, ElectionSettings settings)
    : client_(client),
      home_(std::move(home)),
      name_(std::move(name)),
      identity_(std::move(identity)),
      settings_(settings) {}

awaitable<void> Election::run() {
  std::minstd_rand random(std::random_device{}());
  bool led = false, failing = false;
  for (;;) {
    std::string reason;
    try {
      co_await try_once();
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    if (!reason.empty() && !failing) {
      log_warning("cannot renew or take a lease", {{"lease", name_}, {"reason", reason}});
    }
    failing = !reason.empty();
    if (leads() != led) {
      led = leads();
      log_info(led ? "leads now" : "leads no longer", {{"lease", name_}, {"leader", leader_}});
    }
    const double more = std::uniform_real_distribution<>(1.0, 1.2)(random);  // so that many do not come together
    co_await sleep_for(std::chrono::duration_cast<std::chrono::milliseconds>(settings_.between_tries * more));
  }
}

object Election::spec_of_ours(std::int64_t transitions, bool anew) const {
  const std::string now = micro_time();
  object spec;
  spec["holderIdentity"] = identity_;
  spec["leaseDurationSeconds"] = settings_.lease.count();
  spec["acquireTime"] = anew || acquired_.empty() ? now : acquired_;
  spec["renewTime"] = now;
  spec["leaseTransitions"] = transitions;
  return spec;
}

awaitable<void> Election::try_once() {
  const auto begin = std::chrono::steady_clock::now();  // what we hold counts from before the server heard of it
  Answer<object> lease = co_await client_.find(kinds::lease, home_, name_);
  if (!lease && !lease.error().is_absent()) {
    throw Failure(FailureKind::unavailable, fmt::format("{} {}", lease.error().status, lease.error().message));
  }
  Answer<object> ours = std::unexpected(Refusal(0, "", ""));
  if (!lease) {
    object fresh;
    fresh["apiVersion"] = "coordination.k8s.io/v1";
    fresh["kind"] = "Lease";
    fresh["metadata"].emplace_object()["name"] = name_;
    fresh["spec"] = spec_of_ours(0, true);
    ours = co_await client_.create(kinds::lease, home_, std::move(fresh));
  } else {
    const object& spec = object_at(*lease, "spec");
    leader_ = text_at(spec, "holderIdentity");
    uid_ = metadata_of(*lease, "uid");
    const std::string version = metadata_of(*lease, "resourceVersion");
    if (version != version_) {
      version_ = version;
      seen_ = std::chrono::steady_clock::now();
    }
    const bool is_ours = leader_ == identity_;
    const std::chrono::seconds lasts(number_of(spec, "leaseDurationSeconds"));
    const bool is_free = leader_.empty() || std::chrono::steady_clock::now() > seen_ + lasts;
    if (!is_ours && !is_free) {
      leads_until_ = {};
      co_return;
    }
    acquired_ = is_ours ? text_at(spec, "acquireTime") : "";
    object changes;
    changes["metadata"].emplace_object()["resourceVersion"] = version;
    changes["spec"] = spec_of_ours(number_of(spec, "leaseTransitions") + (is_ours ? 0 : 1), !is_ours);
    ours = co_await client_.patch(kinds::lease, home_, name_, std::move(changes));
  }
  if (!ours) {
    // Another was quicker: a conflict, or it exists meanwhile. The next look says who.
    if (!ours.error().is_conflict() && !ours.error().exists()) {
      throw Failure(FailureKind::unavailable, fmt::format("{} {}", ours.error().status, ours.error().message));
    }
    leads_until_ = {};
    co_return;
  }
  leader_ = identity_;
  version_ = metadata_of(*ours, "resourceVersion");
  uid_ = metadata_of(*ours, "uid");
  seen_ = std::chrono::steady_clock::now();
  leads_until_ = begin + settings_.leads_for;
}

void Election::own(object& what) const {
  if (uid_.empty()) return;
  object owner;
  owner["apiVersion"] = "coordination.k8s.io/v1";
  owner["kind"] = "Lease";
  owner["name"] = name_;
  owner["uid"] = uid_;
  what["metadata"].get_object()["ownerReferences"] = json::array{std::move(owner)};
}

awaitable<void> Election::resign() {
  if (!leads()) co_return;
  leads_until_ = {};
  object changes;
  changes["metadata"].emplace_object()["resourceVersion"] = version_;
  object& spec = changes["spec"].emplace_object();
  spec["holderIdentity"] = nullptr;
  spec["leaseDurationSeconds"] = 1;
  spec["renewTime"] = micro_time();
  const Answer<object> answer = co_await client_.patch(kinds::lease, home_, name_, std::move(changes));
  if (!answer)
    log_debug("a lease was taken before it was given back", {{"lease", name_}, {"reason", answer.error().message}});
}

}  // namespace ci::kubernetes
