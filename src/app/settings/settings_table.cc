// The table of settings. A row that names a field has an effect; a row that cannot name one says why it has none, so
// that charts and .env files made for KubeCodeRun start unchanged and nobody is misled about what they do.
// The effect of MB is MiB everywhere.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <type_traits>

#include "app/settings/settings.h"
#include "languages/language.h"

namespace ci::app {

namespace {

constexpr double no_upper_end = -1;

// The reasons why a row changes nothing.
constexpr const char* reason_jobs = "a language without warm pods gets a pod when it is asked for, not a job";
constexpr const char* reason_key_cache = "a change of a key counts within a second";
constexpr const char* reason_sums = "sums are kept up to date with each run";
constexpr const char* reason_tools = "there are no programmatic tool calls yet";
constexpr const char* reason_never = "kept so that older settings start unchanged";

// A row under construction: what follows its name reads as a sentence.
class Row {
 public:
  explicit Row(Setting& setting) : setting_(setting) {}

  Row& alias(const char* name) {
    setting_.aliases.emplace_back(name);
    return *this;
  }
  Row& choices(std::vector<std::string> values) {
    setting_.choices = std::move(values);
    return *this;
  }
  Row& empty_counts() {
    setting_.empty_counts = true;
    return *this;
  }
  Row& hide() {
    setting_.hidden = true;
    return *this;
  }
  void nothing(const char* reason) { setting_.no_effect = reason; }

  // The value goes to this field; a duration counts in the field's own unit.
  template <class Field>
  void sets(Field Settings::* field) {
    setting_.apply = [field](Settings& settings, const Value& value) { assign(settings.*field, value); };
  }
  // The same for a part that declares its own settings: sets(&Settings::part, &PartSettings::field).
  template <class Part, class Field>
  void sets(Part Settings::* part, Field Part::* field) {
    setting_.apply = [part, field](Settings& settings, const Value& value) { assign((settings.*part).*field, value); };
  }
  template <class Part>
  void sets_seconds(Part Settings::* part, std::chrono::milliseconds Part::* field) {
    setting_.apply = [part, field](Settings& settings, const Value& value) {
      (settings.*part).*field = std::chrono::seconds(std::get<std::int64_t>(value));
    };
  }
  // One of those that a language may have of its own.
  void sets_of_language(std::string language, std::string pool::PodOfLanguage::* field) {
    setting_.apply = [language = std::move(language), field](Settings& settings, const Value& value) {
      settings.kubernetes.each[language].*field = std::get<std::string>(value);
    };
  }
  void sets_of_all(std::string pool::PodOfLanguage::* field) {
    setting_.apply = [field](Settings& settings, const Value& value) {
      settings.kubernetes.all.*field = std::get<std::string>(value);
    };
  }
  void sets_role(std::string store::s3::RoleSettings::* field) {
    setting_.apply = [field](Settings& settings, const Value& value) {
      settings.s3.role.*field = std::get<std::string>(value);
    };
  }
  void sets_megabytes(std::uint64_t Settings::* field) {
    setting_.apply = [field](Settings& settings, const Value& value) {
      settings.*field = static_cast<std::uint64_t>(std::get<std::int64_t>(value)) << 20;
    };
  }
  void sets_floor(std::string language) {
    setting_.apply = [language = std::move(language)](Settings& settings, const Value& value) {
      settings.pool_floors[language] = static_cast<int>(std::get<std::int64_t>(value));
    };
  }

 private:
  template <class Field>
  static void assign(Field& field, const Value& value) {
    if constexpr (std::is_same_v<Field, bool>) {
      field = std::get<bool>(value);
    } else if constexpr (std::is_same_v<Field, int>) {
      field = static_cast<int>(std::get<std::int64_t>(value));
    } else if constexpr (std::is_same_v<Field, double>) {
      field = std::get<double>(value);
    } else if constexpr (std::is_same_v<Field, std::uint64_t>) {
      field = static_cast<std::uint64_t>(std::get<std::int64_t>(value));
    } else if constexpr (std::is_same_v<Field, std::vector<std::string>>) {
      field = std::get<std::vector<std::string>>(value);
    } else if constexpr (std::is_same_v<Field, std::string> || std::is_same_v<Field, std::filesystem::path>) {
      field = std::get<std::string>(value);
    } else {
      field = Field(std::get<std::int64_t>(value));
    }
  }

  Setting& setting_;
};

class Table {
 public:
  void group(const char* title) { group_ = title; }

  Row text(std::string name, const char* initial, std::string meaning) {
    return add(Kind::text, std::move(name), initial, std::move(meaning));
  }
  Row secret(std::string name, std::string meaning) {
    return add(Kind::secret, std::move(name), "", std::move(meaning)).hide();
  }
  Row path(std::string name, const char* initial, std::string meaning) {
    return add(Kind::path, std::move(name), initial, std::move(meaning));
  }
  Row boolean(std::string name, bool initial, std::string meaning) {
    return add(Kind::boolean, std::move(name), initial ? "true" : "false", std::move(meaning));
  }
  Row integer(std::string name, double lowest, double highest, long initial, std::string meaning) {
    Row row = add(Kind::integer, std::move(name), std::to_string(initial), std::move(meaning));
    rows_.back().lowest = lowest;
    rows_.back().highest = highest;
    return row;
  }
  Row decimal(std::string name, double lowest, double highest, const char* initial, std::string meaning) {
    Row row = add(Kind::decimal, std::move(name), initial, std::move(meaning));
    rows_.back().lowest = lowest;
    rows_.back().highest = highest;
    return row;
  }
  Row size(std::string name, double lowest, const char* initial, std::string meaning) {
    Row row = add(Kind::size, std::move(name), initial, std::move(meaning));
    rows_.back().lowest = lowest;
    rows_.back().highest = no_upper_end;
    return row;
  }
  Row list(std::string name, const char* initial, std::string meaning) {
    return add(Kind::list, std::move(name), initial, std::move(meaning));
  }
  Row choice(std::string name, std::vector<std::string> values, const char* initial, std::string meaning) {
    Row row = add(Kind::choice, std::move(name), initial, std::move(meaning));
    row.choices(std::move(values));
    return row;
  }
  Row json(std::string name, std::string meaning) { return add(Kind::json, std::move(name), "", std::move(meaning)); }

  std::vector<Setting> take() { return std::move(rows_); }

 private:
  Row add(Kind kind, std::string name, std::string initial, std::string meaning) {
    Setting setting;
    setting.name = std::move(name);
    setting.group = group_;
    setting.kind = kind;
    setting.initial = std::move(initial);
    setting.meaning = std::move(meaning);
    return Row(rows_.emplace_back(std::move(setting)));
  }

  std::string group_;
  std::vector<Setting> rows_;
};

// As names of settings have it: "PY".
std::string suffix_of(const languages::Language& language) {
  std::string suffix(language.code);
  std::ranges::transform(suffix, suffix.begin(), [](unsigned char c) { return std::toupper(c); });
  return suffix;
}

// clang-format off: a table, one row after the other
void add_process(Table& table) {
  table.group("This machine");
  table.path("DATA_DIR", "./data", "Directory of everything that is kept: records, files, the generated key.")
      .sets(&Settings::data_directory);
  table.text("SERVER_USER", "",
             "User (name or number) that the HTTP server becomes when it is started as root. Not set: the user "
             "kubecoderun when there is one, else number 65531.")
      .sets(&Settings::server_user);
  table.integer("DRAIN_SECONDS", 0, 3600, 30, "How long running programs may take to finish when the server is stopped.")
      .sets(&Settings::drain);
  table.list("LANGUAGES", "", "Languages to offer, as codes (py,js,bash); not set: all whose runtime is installed.")
      .sets(&Settings::languages);
  table.list("ALLOW_WEAK_SANDBOX", "",
             "Protections whose absence on this host is accepted. cgroup: no limit on the memory and processes of a "
             "whole sandbox, only on each process. namespaces: for a container that is itself the boundary and makes one run "
             "after the other; programs see it and its network.")
      .choices({"cgroup", "namespaces"})
      .sets(&Settings::allow_weak);
  table.integer("SANDBOX_WORKSPACE_MB", 1, 65536, 256, "Size of /mnt/data in a sandbox; counts as its memory.")
      .sets_megabytes(&Settings::workspace_bytes);
  table.integer("SANDBOX_TMP_MB", 1, 65536, 256, "Size of /tmp in a sandbox; counts as its memory.")
      .sets_megabytes(&Settings::tmp_bytes);
  table.integer("SANDBOX_ACQUIRE_TIMEOUT_SECONDS", 1, 600, 10,
                "How long a run waits for a sandbox before it is refused; as long as its own time limit while others run, or sandboxes "
                "are being made for those before it.")
      .sets(&Settings::acquire_timeout);
  table.list("PYTHON_PRELOAD", "stdlib,numpy,pandas,plot,full",
             "How much a Python program finds imported: one step for each, so that a small program need not pay for "
             "what it does not use. Any other name is a module that the last step imports as well (sympy).")
      .sets(&Settings::python_preload);
  table.boolean("PYTHON_KEEP_PLOTS", true,
                "Figures that a Python program shows (plt.show()) and does not save itself become files: plot-1.png and so on.")
      .sets(&Settings::keep_plots);
  table.path("RUNTIMES_DIR", "", "Directory of our files for the inside of sandboxes; not set: found beside the program.")
      .sets(&Settings::runtimes_directory);
  table.path("SANDBOX_PACKAGES", "",
             "Directory of packages for programs beside those of the system (`kubecoderun packages`). Not set: DATA_DIR with -packages "
             "behind its name, where there is one.")
      .sets(&Settings::packages_directory);
  table.path("SANDBOX_PACKAGE_SETS", "",
             "Directory with one like that for each set of packages, which programs find whose request or key names it "
             "(`kubecoderun packages --set`). Not set: the name of SANDBOX_PACKAGES with -sets behind it, where there is one.")
      .sets(&Settings::package_sets_directory);
  table.path("SANDBOX_ROOT", "",
             "Directory of another system, whose /usr programs see in the place of this host's (`./dev root trixie DIR` makes one). "
             "Not set: this host's.")
      .sets(&Settings::root_directory);
}

void add_http(Table& table) {
  table.group("HTTP server");
  table.text("API_HOST", "0.0.0.0", "Address to listen on.").sets(&Settings::host);
  table.integer("API_PORT", 1, 65535, 8000, "Port without TLS.").sets(&Settings::port);
  table.boolean("API_DEBUG", false, "Fuller error answers, and a start although checks fail. Not for production.")
      .sets(&Settings::debug);
  table.boolean("API_RELOAD", false, "Restart when source files change.").nothing(reason_never);
  table.boolean("ENABLE_HTTPS", false, "Speak TLS, on HTTPS_PORT instead of API_PORT.").sets(&Settings::https);
  table.integer("HTTPS_PORT", 1, 65535, 443, "Port with TLS.").sets(&Settings::https_port);
  table.path("SSL_CERT_FILE", "", "Certificate chain, PEM.").sets(&Settings::certificate_file);
  table.path("SSL_KEY_FILE", "", "Private key of the certificate, PEM.").sets(&Settings::key_file);
  table.path("SSL_CA_CERTS", "", "Authorities, PEM, to complete the certificate chain with. Clients need no certificate.").sets(&Settings::ca_file);
  table.boolean("SSL_REDIRECT", false, "Redirect from HTTP to HTTPS.").nothing(reason_never);
  table.path("SSL_CERTS_PATH", "./ssl", "Directory of certificates in a compose file.").nothing(reason_never);
  table.boolean("ENABLE_CORS", false, "Let web pages of other origins call.").sets(&Settings::cors);
  table.list("CORS_ORIGINS", "", "Origins that may call; none means all.").sets(&Settings::cors_origins);
  table.boolean("ENABLE_DOCS", true, "Serve the API description.").sets(&Settings::docs);
  table.size("CODEAPI_HTTP_JSON_LIMIT", 1024, "50mb", "Largest JSON body.").sets(&Settings::json_bytes);
  table.integer("REQUEST_MEMORY_MB", 16, 1 << 20, 256,
                "Memory for bodies of requests (code, states), of all clients together; more are refused with 503 for the "
                "moment. Half of it for one key, a sixteenth for all who have shown none. At least four times the largest body.")
      .sets_megabytes(&Settings::request_memory);
  table.integer("MAX_CONNECTIONS_PER_ADDRESS", 0, 1 << 20, 0,
                "Connections from one address (from one /64 network with IPv6) at once. 0: half of all that there may be.")
      .sets(&Settings::connections_per_address);
  table.list("TRUSTED_PROXIES", "",
             "Reverse proxies in front of the server (CIDR). They may have all connections, and tries without a right key are "
             "counted for the client that they name in X-Forwarded-For.")
      .sets(&Settings::trusted_proxies);
}

void add_access(Table& table) {
  table.group("Access");
  table.secret("API_KEY", "The key that clients send, at least 16 characters. Without any key one is made and kept in DATA_DIR.")
      .sets(&Settings::api_key);
  table.list("API_KEYS", "",
             "More keys. Each is a caller of its own; keys written as name=key, also in API_KEY, with the same name are one caller.")
      .hide()
      .sets(&Settings::api_keys);
  table.text("API_KEY_HEADER", "x-api-key", "One more header in which the key may come.").sets(&Settings::api_key_header);
  table.integer("API_KEY_CACHE_TTL", 60, no_upper_end, 300, "Seconds for which a managed key is remembered as valid.")
      .nothing(reason_key_cache);
  table.secret("MASTER_API_KEY", "The key for administration: /api/v1/admin and `kubecoderun keys`. Not set: there is none.")
      .sets(&Settings::master_key);
  using Tokens = access::TokenSettings;
  table.text("CODEAPI_JWT_PUBLIC_KEY", "", "Public key (PEM) of a host that vouches for its users with JSON Web Tokens.")
      .sets(&Settings::tokens, &Tokens::public_key);
  table.path("CODEAPI_JWT_PUBLIC_KEYS_DIR", "", "Directory of such keys, <kid>.pem.").sets(&Settings::tokens, &Tokens::directory);
  table.text("CODEAPI_JWT_JWKS_JSON", "", "Such keys as a JWKS, {\"keys\": […]}.").sets(&Settings::tokens, &Tokens::key_set);
  table.text("CODEAPI_JWT_ISSUER", "librechat", "Issuer that tokens must name.").sets(&Settings::tokens, &Tokens::issuer);
  table.text("CODEAPI_JWT_AUDIENCE", "codeapi", "Audience that tokens must name.").sets(&Settings::tokens, &Tokens::audience);
  table.list("CODEAPI_JWT_ALLOWED_ALGS", "EdDSA,RS256", "Algorithms that tokens may be signed with.").sets(&Settings::tokens, &Tokens::algorithms);
  table.integer("CODEAPI_JWT_CLOCK_SKEW_SECONDS", 0, 3600, 30, "Seconds by which the host's clock may differ.")
      .sets(&Settings::tokens, &Tokens::skew);
  table.integer("CODEAPI_JWT_MAX_TTL_SECONDS", 1, 86400, 300, "Longest life of a token.").sets(&Settings::tokens, &Tokens::longest);
  table.boolean("RATE_LIMIT_ENABLED", true, "Enforce the limits of managed keys.").sets(&Settings::rate_limits);
  table.list("AUTH_TRUSTED_NETWORKS", "", "Networks (CIDR) whose requests need no key.").sets(&Settings::trusted_networks);
  table.boolean("AUTH_ENABLED", true, "Ask for a key. false: everybody who reaches the port may run code.")
      .sets(&Settings::authentication);
}

void add_execution(Table& table) {
  table.group("Runs");
  table.integer("MAX_EXECUTION_TIME", 1, 600, 30, "Seconds that a program may run.").sets(&Settings::time_limit);
  table.integer("MAX_MEMORY_MB", 64, 16384, 512, "Memory of a run, files in /mnt/data and /tmp included.")
      .sets_megabytes(&Settings::memory_bytes);
  table.decimal("MAX_CPUS", 0.5, 16, "4.0", "Processors of a run.").nothing("runs share the processors equally");
  table.integer("MAX_CPU_QUOTA", 10000, 100000, 50000, "Processor time of a run.").nothing(reason_never);
  table.integer("MAX_PIDS", 64, 4096, 512, "Processes and threads of a run.").sets(&Settings::processes);
  table.integer("MAX_OPEN_FILES", 64, 4096, 1024, "Open files of a process in a run.").sets(&Settings::open_files);
  table.integer("COMPILE_CACHE_MB", 0, 65536, 64,
                "Memory for programs that were compiled before, for when the same source comes again. 0: none are kept.")
      .sets_megabytes(&Settings::compile_cache_bytes);
  table.integer("MAX_CONCURRENT_EXECUTIONS", 0, 50, 0, "Runs at once; more wait, then are refused. 0: as many as have room in memory.")
      .sets(&Settings::concurrent_runs);
  table.size("MAX_OUTPUT_SIZE", 1024, "1048576", "Bytes of stdout and of stderr that an answer has at most.")
      .sets(&Settings::output_bytes);
  table.integer("MAX_OUTPUT_CHARACTERS", 1024, 1 << 26, 65536,
                "Characters of stdout and of stderr that an answer has at most. LibreChat reads pictures in pieces of 65536.")
      .sets(&Settings::output_characters);
  table.boolean("KEEP_LONG_OUTPUT", true,
                "Keep all of a stdout or stderr that is cut as a file, stdout.txt or stderr.txt, up to MAX_FILE_SIZE_MB.")
      .sets(&Settings::keep_long_output);
  table.boolean("KEEP_TERMINAL_CODES", false,
                "Leave escape sequences (colours) and rewritten lines (progress bars) in stdout and stderr. false: what a "
                "terminal would show in the end.")
      .sets(&Settings::keep_terminal_codes);
  table.integer("EXEC_KEEPALIVE_SECONDS", 0, 60, 3, "Seconds between signs of life while an answer is pending. 0: none.")
      .sets(&Settings::keep_alive);
  table.boolean("ENABLE_NETWORK_ISOLATION", true, "Keep programs off the network.")
      .nothing("sandboxes never have a network");
  table.boolean("ENABLE_FILESYSTEM_ISOLATION", true, "Keep programs off the host's files.")
      .nothing("sandboxes always have their own files");
  table.boolean("ENABLE_WAN_ACCESS", false, "Give programs the internet.").nothing("sandboxes never have a network");
  table.text("WAN_NETWORK_NAME", "kubecoderun-wan", "Docker network of programs with internet.").nothing(reason_never);
  table.list("WAN_DNS_SERVERS", "8.8.8.8,1.1.1.1,8.8.4.4", "Name servers of programs with internet.").nothing(reason_never);
  table.integer("PTC_MAX_TIMEOUT_SECONDS", 1, 3600, 300, "Longest programmatic run.").nothing(reason_tools);
  table.integer("PTC_PAUSE_TTL_SECONDS", 10, 3600, 600, "How long a paused programmatic run is kept.").nothing(reason_tools);
  table.integer("PTC_MAX_ROUNDS", 1, 10000, 50, "Tool rounds of one programmatic run.").nothing(reason_tools);
  table.integer("PTC_MAX_PAUSED", 1, 10000, 20, "Programmatic runs paused at once.").nothing(reason_tools);
}

void add_files(Table& table) {
  table.group("Files and sessions");
  table.integer("MAX_FILE_SIZE_MB", 1, 500, 10, "Largest file that may be uploaded, and that a run may leave. LibreChat often needs 100.")
      .sets_megabytes(&Settings::file_bytes);
  table.integer("MAX_TOTAL_FILE_SIZE_MB", 10, 2000, 50, "Largest sum of one upload. Not set: 50, or MAX_FILE_SIZE_MB when that is more.")
      .sets_megabytes(&Settings::request_bytes);
  table.integer("MAX_FILES_PER_SESSION", 1, 1000, 50, "Files of one upload, and of one run that continues a session.")
      .sets(&Settings::files_per_session);
  table.integer("MAX_OUTPUT_FILES", 1, 100, 10, "New files returned of one run. For LibreChat: 50.")
      .sets(&Settings::output_files);
  table.integer("MAX_FILENAME_LENGTH", 1, 255, 255, "Characters of each part of an upload's name; longer ones are shortened.")
      .sets(&Settings::filename_length);
  table.integer("MAX_SESSIONS_PER_ENTITY", 1, 1000, 100, "Sessions of one entity.").nothing(reason_never);
  table.integer("SESSION_TTL_HOURS", 0, 8760, 0, "Hours after which an unused session and its files are removed. 0: never.")
      .sets(&Settings::session_ttl);
  table.integer("SESSION_CLEANUP_INTERVAL_MINUTES", 1, 1440, 10, "Minutes between two removals of expired sessions.")
      .sets(&Settings::cleanup_interval);
  table.integer("SESSION_ID_LENGTH", 16, 64, 32, "Characters of a session id.").nothing("ids always have 21 characters");
  table.boolean("ENABLE_ORPHAN_MINIO_CLEANUP", false, "Remove stored files that no record knows.")
      .alias("ENABLE_ORPHAN_S3_CLEANUP")
      .sets(&Settings::orphan_cleanup);
  table.list("ALLOWED_FILE_EXTENSIONS", "", "When set: the only extensions that may be uploaded (.csv,.txt).")
      .sets(&Settings::allowed_extensions);
  table.list("BLOCKED_FILE_PATTERNS", "", "Names that may not be uploaded (*.exe,*.dll); none: what a program may leave, a client may send.")
      .sets(&Settings::blocked_patterns);
  table.list("BLOCKED_OUTPUT_SUFFIXES", ".exe,.bat,.cmd,.ps1,.scr,.com",
             "Ends of names of files that a run leaves and that are not returned, in any case. [] returns all.")
      .sets(&Settings::blocked_output_suffixes);
  table.boolean("STRICT_FILE_OWNERSHIP", false, "Refuse files of sessions that belong to somebody else.")
      .sets(&Settings::strict_ownership);
  table.boolean("SHARE_FORMER_SESSIONS", true,
                "Sessions without an owner, from a server that did not tell keys apart, belong to every key of the "
                "environment. false: with STRICT_FILE_OWNERSHIP nobody finds them.")
      .sets(&Settings::former_sessions);
  table.boolean("NAMED_SESSIONS", true,
                "Runs that send the same runtime_session_hint share a session and find what is in /mnt/data. false: "
                "the hint is ignored.")
      .sets(&Settings::named_sessions);
}

void add_pool(Table& table) {
  table.group("Warm sandboxes");
  table.boolean("POD_POOL_ENABLED", true, "Keep sandboxes ready. false: each is made when it is asked for.")
      .sets(&Settings::pool);
  for (const languages::Language& language : languages::all()) {
    table.integer(fmt::format("POD_POOL_{}", suffix_of(language)), 0, 50, language.floor,
                  fmt::format("Sandboxes kept ready for {}; demand adds more. 0: none.", language.code))
        .sets_floor(std::string(language.code));
  }
  table.integer("POD_POOL_MEMORY_MB", 0, 1 << 20, 0, "Memory that all sandboxes kept ready may use. 0: a quarter of the machine's.")
      .sets_megabytes(&Settings::pool_memory_bytes);
  table.boolean("POD_POOL_WARMUP_ON_STARTUP", true, "Answer /ready only when the first sandboxes are.")
      .sets(&Settings::pool_warm_up);
  table.integer("POD_POOL_PARALLEL_BATCH", 1, 10, 5, "Sandboxes made at the same time.").sets(&Settings::pool_parallel);
  table.integer("POD_POOL_REPLENISH_INTERVAL", 1, 30, 2, "Seconds between two looks at the pool.")
      .sets(&Settings::pool_interval);
  table.boolean("POD_POOL_EXHAUSTION_TRIGGER", true, "Refill as soon as a sandbox is taken. false: only at that interval.")
      .sets(&Settings::pool_refill_at_once);
  table.integer("POD_TTL_MINUTES", 1, 1440, 5,
                "Pods in use are removed after so many minutes (later, when a run may take longer), and those end that no server asks for.")
      .sets(&Settings::pod_ttl);
  table.integer("POD_CLEANUP_INTERVAL_MINUTES", 1, 60, 5, "Minutes between two such removals.").nothing("they are looked for all the time");
  table.boolean("POD_MASK_HOST_INFO", true, "Hide the host from programs.").nothing("the host is always hidden");
  table.text("POD_GENERIC_HOSTNAME", "sandbox", "Host name that programs see.").sets(&Settings::sandbox_hostname);
}

void add_logs(Table& table) {
  table.group("Logs and metrics");
  table.choice("LOG_LEVEL", {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}, "INFO", "The least level that is written.")
      .sets(&Settings::log_level);
  table.choice("LOG_FORMAT", {"json", "text", "console"}, "json", "Form of log lines; on a terminal text unless this is set.")
      .sets(&Settings::log_format);
  table.path("LOG_FILE", "", "File for the log of the server; not set: stdout.").sets(&Settings::log_file);
  table.integer("LOG_MAX_SIZE_MB", 1, no_upper_end, 100, "Size at which the log file is replaced.").sets(&Settings::log_megabytes);
  table.integer("LOG_BACKUP_COUNT", 0, 1000, 5, "Older log files kept.").sets(&Settings::log_backups);
  table.boolean("ENABLE_ACCESS_LOGS", true, "A line for each request.").sets(&Settings::access_log);
  table.boolean("ENABLE_SECURITY_LOGS", true, "A line for each refused key.").sets(&Settings::security_log);
  table.integer("HEALTH_CHECK_INTERVAL", 10, no_upper_end, 30, "Seconds for which results of health checks are kept.")
      .sets(&Settings::health_interval);
  table.integer("HEALTH_CHECK_TIMEOUT", 1, no_upper_end, 5, "Seconds that one health check may take.")
      .sets(&Settings::health_timeout);
  table.boolean("DETAILED_METRICS_ENABLED", true, "Keep sums of runs by hour, language and key, which the dashboard shows.")
      .sets(&Settings::detailed_metrics);
  table.integer("METRICS_BUFFER_SIZE", 1000, 100000, 10000, "Measurements held in memory.").nothing(reason_never);
  table.boolean("METRICS_ARCHIVE_ENABLED", true, "Keep old measurements.").nothing(reason_never);
  table.integer("METRICS_ARCHIVE_RETENTION_DAYS", 7, 365, 90, "Days for which they are kept.").nothing(reason_never);
  table.boolean("SQLITE_METRICS_ENABLED", true,
                "Keep the history of runs in a database. false: sums of the last days, until the server stops. With Redis sums are kept there.")
      .sets(&Settings::history);
  table.path("SQLITE_METRICS_DB_PATH", "", "That database, as an absolute path; not set: metrics.db in DATA_DIR.")
      .sets(&Settings::history_file);
  table.integer("METRICS_EXECUTION_RETENTION_DAYS", 7, 365, 90, "Days for which single runs are kept in it.")
      .sets(&Settings::history_of_runs);
  table.integer("METRICS_DAILY_RETENTION_DAYS", 30, 730, 365, "Days for which sums are kept.").sets(&Settings::history_of_sums);
  table.integer("METRICS_AGGREGATION_INTERVAL_MINUTES", 5, 1440, 60, "Minutes between two summations.").nothing(reason_sums);
  table.path("AUDIT_LOG_FILE", "", "File to which a line is appended for each run, each with the hash of the one before. Not set: none.")
      .sets(&Settings::audit_file);
  table.text("OTEL_EXPORTER_OTLP_ENDPOINT", "", "Collector of traces, http://host:4318; runs go to /v1/traces of it. Not set: none.")
      .sets(&Settings::trace_base);
  table.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "The same as a whole address.").sets(&Settings::trace_endpoint);
  table.secret("OTEL_EXPORTER_OTLP_HEADERS", "Headers for the collector: name=value,name=value.").sets(&Settings::trace_headers);
  table.text("OTEL_SERVICE_NAME", "kubecoderun-api", "What the server is called in traces.").sets(&Settings::trace_service);
  table.decimal("OTEL_TRACES_SAMPLER_ARG", 0, 1, "1", "Share of the runs that are traced when their client does not say whether.")
      .sets(&Settings::trace_share);
  table.integer("METRICS_PORT", 0, 65535, 0, "One more port, with /metrics for Prometheus and without a key. 0: none.")
      .sets(&Settings::metrics_port);
}

void add_state(Table& table) {
  table.group("Python state");
  table.boolean("STATE_PERSISTENCE_ENABLED", true, "Keep variables between runs of a session.")
      .sets(&Settings::state);
  table.integer("STATE_TTL_SECONDS", 60, 86400, 7200, "Seconds for which state is kept at hand.")
      .sets(&Settings::state_ttl);
  table.integer("STATE_MAX_SIZE_MB", 1, 200, 50, "Megabytes that a state may have at most.").sets_megabytes(&Settings::state_bytes);
  table.boolean("STATE_CAPTURE_ON_ERROR", false, "Keep the state of a run that failed.")
      .sets(&Settings::state_capture_on_error);
  table.boolean("STATE_ARCHIVE_ENABLED", true, "Move unused state to the file store.")
      .sets(&Settings::state_archive);
  table.integer("STATE_ARCHIVE_AFTER_SECONDS", 300, 86400, 3600, "Seconds without use before that.")
      .sets(&Settings::state_archive_after);
  table.integer("STATE_ARCHIVE_TTL_DAYS", 1, 30, 7, "Days for which it is kept there.")
      .sets(&Settings::state_archive_ttl);
  table.integer("STATE_ARCHIVE_CHECK_INTERVAL_SECONDS", 60, 3600, 300, "Seconds between two looks.")
      .sets(&Settings::state_archive_interval);
}

void add_redis(Table& table) {
  table.group("Redis");
  const auto sets = [](Row row, auto store::RedisSettings::*field) { row.sets(&Settings::redis, field); };
  using Redis = store::RedisSettings;
  sets(table.secret("REDIS_URL",
                    "redis://user:password@host:port/database, or rediss:// for TLS; wins over the parts. With neither "
                    "this nor REDIS_HOST, records are kept in DATA_DIR."),
       &Redis::url);
  sets(table.text("REDIS_HOST", "", "Host, or an URL as above whose gaps the following fill.").hide(), &Redis::host);
  sets(table.integer("REDIS_PORT", 1, 65535, 6379, "Port."), &Redis::port);
  sets(table.secret("REDIS_PASSWORD", "Password, any text."), &Redis::password);
  sets(table.integer("REDIS_DB", 0, 15, 0, "Database number, of a single server."), &Redis::database);
  sets(table.integer("REDIS_MAX_CONNECTIONS", 1, 10000, 20, "Most connections to each server."), &Redis::max_connections);
  sets(table.integer("REDIS_SOCKET_TIMEOUT", 1, 3600, 5, "Seconds for an answer; then 503."), &Redis::timeout);
  sets(table.integer("REDIS_SOCKET_CONNECT_TIMEOUT", 1, 3600, 5, "Seconds for a connection, log-in included."),
       &Redis::connect_timeout);
  sets(table.choice("REDIS_MODE", {"standalone", "cluster", "sentinel"}, "standalone", "How the servers are arranged."),
       &Redis::mode);
  sets(table.text("REDIS_KEY_PREFIX", "", "Put before every key."), &Redis::key_prefix);
  sets(table.boolean("REDIS_SSL", false, "Speak TLS, with sentinels too."), &Redis::tls);
  sets(table.path("REDIS_SSL_CA_CERTS", "", "Authorities, PEM; not set: those of the system."), &Redis::ca_file);
  sets(table.path("REDIS_SSL_CERTFILE", "", "Our certificate, PEM."), &Redis::certificate_file);
  sets(table.path("REDIS_SSL_KEYFILE", "", "Its private key, PEM."), &Redis::key_file);
  sets(table.choice("REDIS_SSL_CERT_REQS", {"required", "optional", "none"}, "required",
                    "Whether the server's certificate is checked; optional is the same as required."),
       &Redis::certificate_check);
  sets(table.boolean("REDIS_SSL_CHECK_HOSTNAME", true, "Whether it must be of the host."), &Redis::check_hostname);
  sets(table.list("REDIS_CLUSTER_NODES", "", "Some nodes of the cluster, host:port; not set: REDIS_HOST."), &Redis::cluster_nodes);
  sets(table.list("REDIS_SENTINEL_NODES", "", "Sentinels, host:port; not set: REDIS_HOST on port 26379."), &Redis::sentinel_nodes);
  sets(table.text("REDIS_SENTINEL_MASTER", "mymaster", "Name of the watched master."), &Redis::sentinel_master);
  sets(table.secret("REDIS_SENTINEL_PASSWORD", "Password of the sentinels."), &Redis::sentinel_password);
  sets(table.integer("REDIS_SENTINEL_DB", 0, 15, 0, "Database number behind sentinels, instead of REDIS_DB."),
       &Redis::sentinel_database);
}

void add_objects(Table& table) {
  table.group("Object storage");
  using S3 = store::s3::S3Settings;
  using Role = store::s3::RoleSettings;
  table.text("MINIO_ENDPOINT", "", "host:port of an S3 server, without a scheme. Files are kept there instead of in DATA_DIR.")
      .alias("S3_ENDPOINT")
      .sets(&Settings::s3, &S3::endpoint);
  table.secret("MINIO_ACCESS_KEY", "Name of the key.")
      .alias("S3_ACCESS_KEY")
      .alias("AWS_ACCESS_KEY_ID")
      .sets(&Settings::s3, &S3::access_key);
  table.secret("MINIO_SECRET_KEY", "The key.")
      .alias("S3_SECRET_KEY")
      .alias("AWS_SECRET_ACCESS_KEY")
      .sets(&Settings::s3, &S3::secret_key);
  table.secret("AWS_SESSION_TOKEN", "Belongs to a key that is valid for a while.").sets(&Settings::s3, &S3::session_token);
  table.boolean("MINIO_SECURE", false, "Speak TLS.").alias("S3_SECURE").sets(&Settings::s3, &S3::secure);
  table.text("MINIO_BUCKET", "kubecoderun-files", "Bucket; made when missing.").alias("S3_BUCKET").sets(&Settings::s3, &S3::bucket);
  table.text("MINIO_REGION", "us-east-1", "Region; part of every signature.")
      .alias("S3_REGION")
      .alias("AWS_REGION")
      .sets(&Settings::s3, &S3::region);
  table.path("MINIO_CA_CERTS", "", "Authorities, PEM, instead of those of the system.").alias("S3_CA_CERTS").sets(&Settings::s3, &S3::ca_file);
  table.integer("S3_TIMEOUT_SECONDS", 1, 300, 10, "How long a call is tried again while the server is silent or fails.")
      .sets_seconds(&Settings::s3, &S3::timeout);
  table
      .boolean(
          "MINIO_USE_IAM", false,
          "Take credentials from web identity, the container, the keys above or the instance: the first that there is.")
      .alias("S3_USE_IAM")
      .sets(&Settings::s3, &S3::use_iam);
  table.path("AWS_WEB_IDENTITY_TOKEN_FILE", "", "With IAM: the token that is exchanged for credentials.").sets_role(&Role::token_file);
  table.text("AWS_ROLE_ARN", "", "With IAM: the role to assume with that token.").sets_role(&Role::role_arn);
  table.text("AWS_ROLE_SESSION_NAME", "kubecoderun", "With IAM: name of the session in audit logs.").sets_role(&Role::session_name);
  table.text("AWS_ENDPOINT_URL_STS", "", "With IAM: address of the token service; default: that of the region.")
      .sets_role(&Role::sts_endpoint);
  table.text("AWS_CONTAINER_CREDENTIALS_FULL_URI", "", "With IAM: set by container platforms.").sets_role(&Role::container_url);
  table.text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "", "With IAM: set by container platforms.").sets_role(&Role::container_path);
  table.secret("AWS_CONTAINER_AUTHORIZATION_TOKEN", "With IAM: set by container platforms.").sets_role(&Role::container_token);
  table.path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "", "With IAM: set by container platforms.")
      .sets_role(&Role::container_token_file);
  table.text("AWS_EC2_METADATA_SERVICE_ENDPOINT", "", "With IAM: address of the instance metadata service.")
      .sets_role(&Role::metadata_endpoint);
}

void add_kubernetes(Table& table) {
  using Pods = pool::KubernetesSettings;
  using Own = pool::PodOfLanguage;
  table.group("Kubernetes");
  table.choice("EXECUTOR", {"local", "kubernetes"}, "",
               "Where programs run: in sandboxes of this machine, or in a pod of a cluster for each run. Not set: kubernetes in a pod "
               "that may speak with its cluster and has K8S_… settings, else local.")
      .sets(&Settings::executor);
  table.text("K8S_NAMESPACE", "", "Namespace of execution pods; not set: our own.").sets(&Settings::kubernetes, &Pods::home);
  table.path("KUBECONFIG", "", "Credentials outside a cluster.").sets(&Settings::kubernetes, &Pods::kubeconfig);
  table.text("K8S_SERVICE_ACCOUNT", "kubecoderun-executor", "Service account of execution pods, whose token they do not get.")
      .sets(&Settings::kubernetes, &Pods::account);
  table.text("K8S_IMAGE", "", "One image for all languages, such as the server's own.").sets_of_all(&Own::image);
  table.text("K8S_IMAGE_REGISTRY", "aronmuon/kubecoderun", "Without K8S_IMAGE: put before the names of language images; empty: nothing.")
      .empty_counts()
      .sets(&Settings::kubernetes, &Pods::image_registry);
  table.text("K8S_IMAGE_TAG", "latest", "Tag of language images.").sets(&Settings::kubernetes, &Pods::image_tag);
  table.choice("K8S_IMAGE_PULL_POLICY", {"Always", "IfNotPresent", "Never"}, "Always", "When images are pulled.")
      .sets(&Settings::kubernetes, &Pods::pull_policy);
  table.list("K8S_IMAGE_PULL_SECRETS", "", "Secrets for pulling.").sets(&Settings::kubernetes, &Pods::pull_secrets);
  table.text("K8S_CPU_LIMIT", "1", "Processor limit of a pod.").sets_of_all(&Own::cpu_limit);
  table.text("K8S_MEMORY_LIMIT", "512Mi", "Memory limit of a pod. 64 MiB of it are not the program's.").sets_of_all(&Own::memory_limit);
  table.text("K8S_CPU_REQUEST", "100m", "Processor request of a pod.").sets_of_all(&Own::cpu_request);
  table.text("K8S_MEMORY_REQUEST", "128Mi", "Memory request of a pod.").sets_of_all(&Own::memory_request);
  table.integer("K8S_RUN_AS_USER", 1, no_upper_end, 65532, "User of execution pods.").sets(&Settings::kubernetes, &Pods::user);
  table.choice("K8S_SECCOMP_PROFILE_TYPE", {"RuntimeDefault", "Unconfined"}, "RuntimeDefault", "Seccomp profile of pods.")
      .sets(&Settings::kubernetes, &Pods::seccomp);
  table.text("K8S_RUNTIME_CLASS_NAME", "", "Runtime class of pods (gVisor, Kata).").sets(&Settings::kubernetes, &Pods::runtime_class);
  table.json("K8S_POD_NODE_SELECTOR", "Node selector of pods.").sets(&Settings::kubernetes, &Pods::node_selector);
  table.json("K8S_POD_TOLERATIONS", "Tolerations of pods, as Kubernetes writes them.").sets(&Settings::kubernetes, &Pods::tolerations);
  table.integer("K8S_JOB_TTL_SECONDS", 10, 3600, 60, "Seconds for which finished jobs are kept.").nothing(reason_jobs);
  table.integer("K8S_JOB_DEADLINE_SECONDS", 30, 3600, 300, "Longest life of a job.").nothing(reason_jobs);
  for (const languages::Language& language : languages::all()) {
    const auto row = [&](const char* name, const char* meaning, std::string Own::* field) {
      table.text(fmt::format("LANG_{}_{}", name, suffix_of(language)), "", fmt::format("{} for {}.", meaning, language.code))
          .sets_of_language(std::string(language.code), field);
    };
    row("IMAGE", "Image", &Own::image);
    row("CPU_LIMIT", "Processor limit", &Own::cpu_limit);
    row("MEMORY_LIMIT", "Memory limit", &Own::memory_limit);
    row("CPU_REQUEST", "Processor request", &Own::cpu_request);
    row("MEMORY_REQUEST", "Memory request", &Own::memory_request);
  }
  table.group("Execution pod");
  table.text("LANGUAGE", "python", "For `kubecoderun runner`: the language that its sandbox waits with.").sets(&Settings::runner_language);
  table.secret("RUNNER_TOKEN", "What requests to an execution pod must show. The server gives one to each pod that it makes.")
      .sets(&Settings::runner_token);
  table.path("WORKING_DIR", "/mnt/data", "Working directory of an execution pod.").nothing("it is always /mnt/data");
  table.boolean("NETWORK_ISOLATED", false, "Whether an execution pod has no network.").nothing("the cluster's network policy decides that");
  table.integer("RUNNER_PORT", 1, 65535, 8080, "Port of an execution pod.").sets(&Settings::runner_port);
}

std::vector<Setting> build() {
  Table table;
  add_process(table);
  add_http(table);
  add_access(table);
  add_execution(table);
  add_files(table);
  add_pool(table);
  add_logs(table);
  add_state(table);
  add_redis(table);
  add_objects(table);
  add_kubernetes(table);
  return table.take();
}

// clang-format on

}  // namespace

const std::vector<Setting>& settings_table() {
  static const std::vector<Setting> table = build();
  return table;
}

}  // namespace ci::app
