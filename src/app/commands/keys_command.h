#pragma once
// `kubecoderun keys …`: what the routes of the administration do, directly in the server's store, also while it runs. A change counts
// in running servers within a second. Each returns the exit status.

#include <optional>
#include <string>
#include <vector>

#include "access/limits.h"
#include "app/settings/settings.h"

namespace ci::app {

// As typed; nothing: not given, 0: no limit.
struct KeyOptions {
  KeyOptions() = default;
  std::string id;  // a hash, some first digits of it, or the beginning of a key
  std::string name;
  std::array<std::optional<std::int64_t>, access::all_periods.size()> limits;
  std::optional<std::int64_t> runs_at_once, run_seconds, memory_megabytes;
  std::optional<std::string> languages;     // "py,js"; empty: all
  std::optional<std::string> package_sets;  // "a,b"; empty: any
  std::vector<std::string> metadata;        // name=value
  bool enable = false, disable = false;
  bool force = false;  // do not ask
  bool json = false;
};

int create_key(const Settings& settings, const KeyOptions& options);
int list_keys(const Settings& settings, const KeyOptions& options);
int show_key(const Settings& settings, const KeyOptions& options);
int update_key(const Settings& settings, const KeyOptions& options);
int revoke_key(const Settings& settings, const KeyOptions& options);
int show_key_usage(const Settings& settings, const KeyOptions& options);

}  // namespace ci::app
