#include "net/admission.h"

#include <algorithm>
#include <map>
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

Admission admit(
    std::span<const Occupant> occupants, const std::string& source, bool is_proxy, const AdmissionLimits& limits) {
  std::map<std::string_view, std::size_t> counts;
  std::size_t reserved = 0;
  for (const Occupant& one : occupants) {
    if (one.reserved) {
      ++reserved;
    } else {
      ++counts[one.source];
    }
  }
  Admission result;
  const bool too_many_of_it = !is_proxy && counts[source] >= limits.per_source;
  if (occupants.size() - reserved < limits.all && !too_many_of_it) return result;

  const auto consider = [&](std::size_t index) {
    const Occupant& one = occupants[index];
    if (!result.evicted) {
      result.evicted = index;
      return;
    }
    const Occupant& best = occupants[*result.evicted];
    const std::size_t its = counts[one.source], most = counts[best.source];
    if (its > most || (its == most && worth(one) < worth(best))) result.evicted = index;
  };
  for (std::size_t i = 0; i < occupants.size(); ++i) {
    if (can_go(occupants[i]) && (!too_many_of_it || occupants[i].source == source)) consider(i);
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
