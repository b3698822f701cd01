#pragma once
// What an operator may change. Every setting is one row of the table in settings_table.cc: name, range, default,
// meaning and the field it sets. Values come from the environment, else from `.env` in the working directory, else
// from the row.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "access/json_web_tokens.h"
#include "pool/kubernetes_settings.h"
#include "store/redis/redis_settings.h"
#include "store/s3/settings.h"

namespace ci::app {

// The values that something reads. Filled from the table, which holds the defaults.
struct Settings {
  // The listener
  std::string host;
  int port = 0;
  bool https = false;
  int https_port = 0;
  std::string certificate_file, key_file, ca_file;
  // What requests may be
  bool debug = false;
  bool cors = false;
  std::vector<std::string> cors_origins;
  bool docs = false;
  std::uint64_t json_bytes = 0;
  std::uint64_t request_memory = 0;
  int connections_per_address = 0;  // 0: half of all
  std::vector<std::string> trusted_proxies;
  // Who may call
  std::string api_key;
  std::vector<std::string> api_keys;
  std::string api_key_header;
  std::string master_key;
  access::TokenSettings tokens;
  bool rate_limits = false;
  bool authentication = false;
  std::vector<std::string> trusted_networks;
  // Runs
  std::chrono::seconds time_limit{};
  int concurrent_runs = 0;  // 0: no limit
  std::uint64_t output_bytes = 0;
  std::chrono::seconds keep_alive{};
  int output_characters = 0;
  bool keep_terminal_codes = false;
  bool keep_long_output = true;
  std::chrono::seconds acquire_timeout{};
  // Files and sessions
  std::uint64_t file_bytes = 0;
  std::uint64_t request_bytes = 0;
  int filename_length = 0;
  int files_per_session = 0;
  int output_files = 0;
  std::vector<std::string> blocked_patterns;
  std::vector<std::string> blocked_output_suffixes;
  std::vector<std::string> allowed_extensions;
  bool strict_ownership = false;
  bool former_sessions = false;
  bool named_sessions = false;
  std::chrono::hours session_ttl{};
  std::chrono::minutes cleanup_interval{};
  bool orphan_cleanup = false;
  // Python state
  bool state = false;
  std::chrono::seconds state_ttl{};
  std::uint64_t state_bytes = 0;
  bool state_capture_on_error = false;
  bool state_archive = false;
  std::chrono::seconds state_archive_after{};
  std::chrono::days state_archive_ttl{};
  std::chrono::seconds state_archive_interval{};
  // Where records are kept, when not in the data directory
  store::RedisSettings redis;
  // Where files are kept, when not there
  store::s3::S3Settings s3;
  // Sandboxes
  std::vector<std::string> languages;  // empty: all that are installed
  std::uint64_t memory_bytes = 0;
  int processes = 0;
  int open_files = 0;
  std::uint64_t workspace_bytes = 0;
  std::uint64_t tmp_bytes = 0;
  std::string sandbox_hostname;
  std::vector<std::string> allow_weak;
  std::uint64_t compile_cache_bytes = 0;
  std::vector<std::string> python_preload;
  bool keep_plots = true;
  std::string runtimes_directory;
  std::string packages_directory;
  std::string package_sets_directory;
  std::string root_directory;  // empty: programs see this host's /usr
  bool pool = false;
  std::map<std::string, int> pool_floors;  // by language code
  std::uint64_t pool_memory_bytes = 0;     // 0: a share of the machine's
  bool pool_warm_up = false;
  int pool_parallel = 0;
  std::chrono::seconds pool_interval{};
  bool pool_refill_at_once = false;
  // Where sandboxes are: "local", "kubernetes"; empty: as is_kubernetes() finds it
  std::string executor;
  bool kubernetes_chosen = false;  // something of the group Kubernetes is set
  pool::KubernetesSettings kubernetes;
  std::chrono::minutes pod_ttl{};
  // In an execution pod
  std::string runner_language, runner_token;
  int runner_port = 0;
  // This process
  std::filesystem::path data_directory;
  std::string server_user;
  std::chrono::seconds drain{};
  std::chrono::seconds health_interval{};
  std::chrono::seconds health_timeout{};
  std::string log_level, log_format, log_file;
  int log_megabytes = 0;
  int log_backups = 0;
  bool detailed_metrics = false;
  bool history = false;
  std::string history_file;  // empty: metrics.db in the data directory
  std::chrono::days history_of_runs{}, history_of_sums{};
  int metrics_port = 0;
  std::string audit_file;
  std::string trace_endpoint, trace_base, trace_headers, trace_service;
  double trace_share = 0;
  bool access_log = false;
  bool security_log = false;
};

enum class Kind { text, secret, path, boolean, integer, decimal, size, list, choice, json };

using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

// One row of the table.
struct Setting {
  std::string name;
  std::vector<std::string> aliases;
  std::string group;
  Kind kind = Kind::text;
  double lowest = 0, highest = 0;    // integer, decimal, size; highest < lowest: no upper end
  std::vector<std::string> choices;  // choice; list: the allowed items, or empty for any
  std::string initial;               // the default as an operator would write it; "" is "not set"
  std::string meaning;
  bool empty_counts = false;                           // an empty text is a value, not "not set"
  bool hidden = false;                                 // holds a secret: never shown
  std::string no_effect;                               // why it changes nothing here; empty when it does something
  std::function<void(Settings&, const Value&)> apply;  // never with a setting of no effect
};

const std::vector<Setting>& settings_table();

// Names are upper-cased; of two that differ in case only, the upper-case one wins.
using Variables = std::map<std::string, std::string>;
Variables variables_of(const char* const* environment);

enum class Origin { initial, file, environment };

struct LoadedSettings {
  Settings values;
  // Beside each row of the table: the text in force and where it came from.
  struct Entry {
    std::string text;
    Origin origin = Origin::initial;
    std::string name;  // under which it was found: the row's or an alias; empty for the default
  };
  std::vector<Entry> entries;
  std::vector<int> skipped_lines;  // of .env, which are not NAME=value
};

// Fails as `invalid`; the sentence names every variable that is wrong, one on each line.
LoadedSettings load_settings(const Variables& environment, const Variables& file);

// The same from this process's environment and `.env` in the working directory. An unreadable `.env` fails.
LoadedSettings load_settings();

// One line in the log for each variable that is set and changes nothing, for each line of .env that was skipped, and for each
// store that has settings and no host. `pods`: programs run in pods of a cluster.
void log_remarks(const LoadedSettings& settings, bool pods);

// The parser of one value; fails as `invalid` with "NAME: …".
Value parse_value(const Setting& setting, std::string_view text);
// "1 to 65535", "0 or more".
std::string range_text(const Setting& setting);

// All of the table with the values in force, for reading or as JSON. Secrets are not shown.
std::string describe_settings(const LoadedSettings& settings);
std::string describe_settings_json(const LoadedSettings& settings);

}  // namespace ci::app
