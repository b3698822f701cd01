#pragma once
// What a cluster says about where its keys are. No I/O.

#include <optional>
#include <vector>

#include "store/redis/servers.h"

namespace ci::store::redis {

inline constexpr int slot_count = 16384;

struct SlotRange {
  SlotRange(int from, int to, Endpoint place) : first(from), last(to), owner(std::move(place)) {}
  int first, last;  // both included
  Endpoint owner;
};

// Of the answer to CLUSTER SLOTS. Empty when it is an error or there are none.
std::vector<SlotRange> parse_cluster_slots(const Reply& reply, const std::string& asked_host);

struct Redirect {
  Redirect(std::uint16_t which, Endpoint where, bool only_once)
      : slot(which), place(std::move(where)), once(only_once) {}
  std::uint16_t slot;
  Endpoint place;
  bool once;  // ASK: for this command, because the slot is on its way
};

// Nothing when it is neither MOVED nor ASK.
std::optional<Redirect> parse_redirect(const Reply& error, const std::string& asked_host);

}  // namespace ci::store::redis
