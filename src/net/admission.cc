#include "net/admission.h"

#include <algorithm>
#include <tuple>

namespace ci::net {

namespace {

// Who keeps up, or has only just come, is left alone.
constexpr std::uint64_t fast = 64 << 10;
constexpr std::chrono::seconds just_come{1};

bool can_go(const Occupant& one) {
  if (one.reserved) return false;
  if (one.standing.what == Standing::What::idle) return true;
  return one.standing.what == Standing::What::waiting && one.standing.time >= just_come &&
         one.standing.bytes_per_second < fast;
}

// The order in which connections of one source go.
auto worth(const Occupant& one) {
  const bool idle = one.standing.what == Standing::What::idle;
  return std::tuple(!idle, one.standing.bytes_per_second, -one.standing.time);
}

}  // namespace

std::string source_of(const asio::ip::address& peer) {
  if (peer.is_v4()) return peer.to_string();
  const auto bytes = peer.to_v6().to_bytes();
  return {bytes.begin(), bytes.begin() + 8};
}

Admission admit(std::span<const Occupant> occupants, bool is_proxy, const AdmissionLimits& limits) {
  std::size_t reserved = 0, of_it = 0;
  for (const Occupant& one : occupants) {
    if (one.reserved) {
      ++reserved;
    } else if (one.same_source) {
      ++of_it;
    }
  }
  Admission result;
  const bool too_many_of_it = !is_proxy && of_it >= limits.per_source;
  if (occupants.size() - reserved < limits.all && !too_many_of_it) return result;

  for (std::size_t i = 0; i < occupants.size(); ++i) {
    const Occupant& one = occupants[i];
    if (!can_go(one) || (too_many_of_it && !one.same_source)) continue;
    if (!result.evicted) {
      result.evicted = i;
      continue;
    }
    const Occupant& best = occupants[*result.evicted];
    const bool more = one.of_source > best.of_source;
    if (more || (one.of_source == best.of_source && worth(one) < worth(best))) result.evicted = i;
  }
  if (result.evicted) return result;

  result.reserved = true;
  if (reserved < limits.reserved) return result;
  for (std::size_t i = 0; i < occupants.size(); ++i) {
    if (!occupants[i].reserved) continue;
    if (!result.evicted || occupants[i].standing.time > occupants[*result.evicted].standing.time) result.evicted = i;
  }
  return result;
}

}  // namespace ci::net
