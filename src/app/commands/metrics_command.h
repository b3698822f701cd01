#pragma once
// `kubecoderun metrics …`: the history of runs on a terminal, read from the server's store, also while it runs (what it counted in the
// last five seconds is not there yet). Each returns the exit status.

#include <chrono>

#include "app/settings/settings.h"

namespace ci::app {

struct MetricsOptions {
  int hours = 24;
  std::chrono::seconds interval{5};
  int rounds = 0;  // of watch; 0: until somebody ends it
  bool json = false;
};

int show_summary(const Settings& settings, const MetricsOptions& options);
int show_languages(const Settings& settings, const MetricsOptions& options);
int show_keys_of_runs(const Settings& settings, const MetricsOptions& options);
int show_pool(const Settings& settings, const MetricsOptions& options);
int show_hours(const Settings& settings, const MetricsOptions& options);
int watch_summary(const Settings& settings, const MetricsOptions& options);

}  // namespace ci::app
