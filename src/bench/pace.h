#pragma once
// When a case has been measured enough, and when it is the bare tool's turn. A pure function of what has happened.

#include <algorithm>

namespace ci::bench {

// Everything in milliseconds.
struct Pace {
  int count;        // requests at most
  double duration;  // of the requests together, at most
  int at_least;     // requests, however long they take

  bool is_over(int requests, double spent) const {
    return requests >= count || (requests >= at_least && spent >= duration);
  }

  // The bare tool runs between the requests, so that whatever disturbs hits both. It may take as much time as they may,
  // spread evenly over them; a slow one therefore runs less often. Once in any case.
  bool bare_is_due(int requests, double spent, int bare_runs, double bare_spent) const {
    const double progress = std::max(static_cast<double>(requests) / count, spent / duration);
    return bare_runs == 0 || (bare_runs < count && bare_spent < progress * duration);
  }
};

}  // namespace ci::bench
