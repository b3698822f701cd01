#pragma once
// The overview of a time: how much was run, how well, by whom, in which languages. Shared by the routes and the command line.

#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "base/async.h"
#include "metrics/history.h"

namespace ci::metrics {

// {summary, by_language, pool_stats, period_hours}. Fails as the history does.
awaitable<boost::json::object> summarize(History& history, Span span);

int hours_of(const Span& span);
std::vector<std::pair<std::string, Totals>> most_used_first(const std::map<std::string, Totals>& totals);

}  // namespace ci::metrics
