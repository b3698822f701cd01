#pragma once
// Who calls, as authentication found out.

#include <string>

#include "access/limits.h"

namespace ci::access {

struct Principal {
  Principal() = default;

  std::string id;          // the credential: sessions, files and runs belong to it. Empty: nobody asked who it is
  std::string former_id;   // what the same credential was called once, or empty: what it had then is still its own
  std::string short_hash;  // the first 16 digits of its key's hash, by which usage is counted; empty: it needed no key
  std::string queue;       // those who wait for something scarce take turns by this
  std::string hash;        // of its key in full; empty: it needed none
  RateLimits limits;       // of a managed key; others have none
  Ceilings ceilings;
};

}  // namespace ci::access
