#pragma once
// Who may have a connection when there are too many. Decides only; whoever asks closes what is named here.
//
// Up to a number of all connections and a number from one address everybody gets a place. Beyond it, somebody who
// makes us wait gives up theirs: of the address that has most, an idle connection first, then the one that sends or
// takes least. Nobody whose request we work on. When nobody can go, there is a reserved place, from which only
// probes are answered, so that health checks get through whatever else happens.

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/async.h"

namespace ci::net {

struct Standing {
  enum class What {
    idle,     // between requests
    waiting,  // we wait for the client to send or to take something
    working,  // the client waits for us
  };
  What what = What::working;
  std::chrono::steady_clock::duration time{0};  // of waiting, or since it became idle
  std::uint64_t bytes_per_second = 0;           // while we wait
};

// What counts as one client: an IPv4 address, or a network of 64 bits with IPv6, which one client has to itself.
std::string source_of(const asio::ip::address& peer);

struct Occupant {
  bool same_source = false;   // as the one who comes
  std::size_t of_source = 0;  // how many of all come from where this one comes from
  Standing standing;
  bool reserved = false;
};

struct AdmissionLimits {
  std::size_t all = 4096;
  std::size_t per_source = 2048;
  std::size_t reserved = 16;
};

struct Admission {
  bool reserved = false;               // gets a reserved place only
  std::optional<std::size_t> evicted;  // whose place it gets, as an index into `occupants`
};

// `is_proxy`: many clients may come from this address, so its own limit does not count. Linear, and without allocations: whoever
// connects again and again makes us look as often.
Admission admit(std::span<const Occupant> occupants, bool is_proxy, const AdmissionLimits& limits);

}  // namespace ci::net
