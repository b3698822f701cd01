#pragma once
// The JSON of what was counted, with the names that KubeCodeRun's clients know. Every key is there also without data, but for rates
// of nothing. Pure functions.

#include <boost/json.hpp>

#include "metrics/tally.h"
#include "metrics/totals.h"

namespace ci::metrics {

boost::json::object execution_statistics(const Counts& all, const std::map<Hour, Counts>& recent);
boost::json::object api_statistics(const Counts& all, const std::map<Hour, Counts>& recent);
// p50 to p99 of the time of runs, in milliseconds, interpolated between the bounds of a histogram.
boost::json::object execution_time_percentiles(const Counts& counts);
// What pools have done, of one server or of many.
boost::json::object pool_statistics(const Counts& counts);
// How this server's pool is now.
boost::json::object pool_now(const pool::PoolStatistics& pool);

double error_rate(const Totals& totals);  // percent, of failures and time-outs
boost::json::object describe_language(const std::string& language, const Totals& totals);
boost::json::object describe_key_use(const std::string& key, const Totals& totals);

}  // namespace ci::metrics
