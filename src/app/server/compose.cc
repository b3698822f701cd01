#include "app/server/compose.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "access/trusted_networks.h"
#include "app/processes/privileges.h"
#include "base/failure.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/version.h"
#include "languages/language.h"
#include "net/tls.h"
#include "os/machine.h"
#include "os/open_files.h"
#include "pool/open_pods.h"
#include "sandbox/bounds.h"
#include "sandbox/kinds.h"
#include "sandbox/other_root.h"
#include "sandbox/own_packages.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

LogLevel level_of(const std::string& name) {
  if (name == "DEBUG") return LogLevel::debug;
  if (name == "WARNING") return LogLevel::warning;
  if (name == "ERROR" || name == "CRITICAL") return LogLevel::error;
  return LogLevel::info;
}

// What is written to the memory file systems counts as memory: together they stay below the limit, so that a full disk is
// "No space left" to the program and not its death.
std::uint64_t usable_workspace_bytes(const Settings& settings) {
  return std::min(settings.workspace_bytes, settings.memory_bytes / 2);
}

// PYTHON_PRELOAD, sorted out.
struct Preload {
  std::vector<std::string> levels, modules;
};

Preload preload_of(const Settings& settings) {
  Preload preload;
  for (const std::string& name : settings.python_preload) {
    const bool plain =
        std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.'; });
    if (!plain)
      throw Failure(FailureKind::invalid, fmt::format("PYTHON_PRELOAD: \"{}\" is not the name of a module", name));
    const bool level = std::ranges::find(sandbox::python_levels(), name, &sandbox::PythonLevel::name) !=
                       sandbox::python_levels().end();
    (level ? preload.levels : preload.modules).push_back(name);
  }
  return preload;
}

// The cluster's quota says how many there may be; this is for those that have none.
constexpr int pods_at_once = 100;

std::string host_name() {
  char name[65] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "server";
  return name;
}

bool was_chosen(const LoadedSettings& settings, std::string_view name) {
  for (size_t row = 0; row < settings.entries.size(); ++row) {
    if (settings_table()[row].name == name) return settings.entries[row].origin != Origin::initial;
  }
  return false;
}

}  // namespace

net::ServerSettings server_settings(const Settings& settings) {
  net::ServerSettings result;
  result.host = settings.host;
  result.port = static_cast<std::uint16_t>(settings.https ? settings.https_port : settings.port);
  result.tls = settings.https;
  result.certificate_file = settings.certificate_file;
  result.key_file = settings.key_file;
  result.ca_file = settings.ca_file;
  // Clients alone must not be able to use up all descriptors. Each may have a file or a store's connection open besides its own:
  // so half of them are left for sandboxes.
  result.max_connections = std::clamp<std::size_t>(os::most_open_files() / 4, 8, result.max_connections);
  const auto of_one = static_cast<std::size_t>(settings.connections_per_address);
  result.max_connections_per_address = of_one > 0 ? of_one : result.max_connections / 2;
  result.reserved_connections = std::clamp<std::size_t>(result.max_connections / 8, 2, result.reserved_connections);
  result.probes = {"/health", "/ready"};
  const access::TrustedNetworks proxies(settings.trusted_proxies);
  result.is_proxy = [proxies](const asio::ip::address& address) { return proxies.contains(address); };
  // The largest of all must fit into the half that one client may take.
  result.body_memory = std::max(settings.request_memory, 4 * std::max(settings.json_bytes, settings.state_bytes));
  return result;
}

void check_certificate(const Settings& settings) {
  if (settings.https) net::open_tls_context(server_settings(settings));
}

files::SessionSettings session_settings(const Settings& settings) {
  files::SessionSettings result;
  result.ttl = settings.session_ttl;
  return result;
}

files::CleanupSettings cleanup_settings(const Settings& settings) {
  files::CleanupSettings result;
  result.orphans = settings.orphan_cleanup;
  result.ttl = settings.session_ttl;
  result.pause = std::chrono::milliseconds(20);
  return result;
}

state::StateSettings state_settings(const Settings& settings) {
  state::StateSettings result;
  result.enabled = settings.state;
  result.ttl = settings.state_ttl;
  result.size_limit = settings.state_bytes;
  result.capture_on_error = settings.state_capture_on_error;
  result.archive = settings.state_archive;
  result.archive_after = settings.state_archive_after;
  result.archive_ttl = settings.state_archive_ttl;
  result.archive_interval = settings.state_archive_interval;
  result.memory_entries = std::min<std::size_t>(os::most_open_files() / 16, result.memory_entries);
  return result;
}

execution::ExecutionSettings execution_settings(const Settings& settings) {
  execution::ExecutionSettings result;
  result.acquire_timeout = settings.acquire_timeout;
  // The longest that another run of the session may take, and what we need for it.
  result.turn_timeout = settings.time_limit + std::chrono::seconds(30);
  result.longest_run = settings.time_limit;
  result.output.bytes = settings.output_bytes;
  result.output.characters = static_cast<std::size_t>(settings.output_characters);
  result.keep_terminal_codes = settings.keep_terminal_codes;
  result.keep_long_output = settings.keep_long_output;
  result.dropped_suffixes = settings.blocked_output_suffixes;
  result.file_bytes = settings.file_bytes;
  result.output_files = settings.output_files;
  result.session_files = settings.files_per_session;
  result.workspace_bytes = usable_workspace_bytes(settings);
  result.concurrent = settings.concurrent_runs != 0
                          ? settings.concurrent_runs
                          : static_cast<int>(sandbox::runs_at_once(os::usable_memory(), settings.memory_bytes));
  if (is_contained(settings)) result.concurrent = 1;
  if (is_kubernetes(settings))
    result.concurrent = settings.concurrent_runs != 0 ? settings.concurrent_runs : pods_at_once;
  result.strict_ownership = settings.strict_ownership;
  result.named_sessions = settings.named_sessions;
  result.own_packages = packages_directory(settings);
  result.package_sets = package_sets_directory(settings);
  result.system = result.compile_cache.system = programs_root(settings);
  // What is compiled in a pod, where its compiler is, is not for others.
  result.compile_cache.bytes = is_kubernetes(settings) ? 0 : settings.compile_cache_bytes;
  result.compile_cache.entries = std::clamp<std::size_t>(os::most_open_files() / 16, 1, result.compile_cache.entries);
  return result;
}

api::ApiSettings api_settings(const Settings& settings) {
  api::ApiSettings result;
  result.version = version();
  result.debug = settings.debug;
  result.docs = settings.docs;
  result.cors = settings.cors;
  result.cors_origins = settings.cors_origins;
  result.authentication = settings.authentication;
  result.api_key_header = settings.api_key_header;
  result.master_key = settings.master_key;
  result.rate_limits = settings.rate_limits;
  result.trusted_networks = settings.trusted_networks;
  result.trusted_proxies = settings.trusted_proxies;
  result.json_bytes = settings.json_bytes;
  result.time_limit = settings.time_limit;
  result.memory_bytes = settings.memory_bytes;
  result.session_ttl = settings.session_ttl;
  result.keep_alive = settings.keep_alive;
  result.files.file_bytes = settings.file_bytes;
  result.files.request_bytes = settings.request_bytes;
  result.files.files_per_request = settings.files_per_session;
  result.files.name_characters = settings.filename_length;
  result.files.blocked_patterns = settings.blocked_patterns;
  result.files.allowed_extensions = settings.allowed_extensions;
  result.strict_ownership = settings.strict_ownership;
  result.former_sessions = settings.former_sessions;
  result.named_sessions = settings.named_sessions;
  result.health_interval = settings.health_interval;
  result.health_timeout = settings.health_timeout;
  result.access_log = settings.access_log;
  result.security_log = settings.security_log;
  return result;
}

bool is_contained(const Settings& settings) {
  return std::ranges::find(settings.allow_weak, "namespaces") != settings.allow_weak.end();
}

bool is_kubernetes(const Settings& settings) {
  if (!settings.executor.empty()) return settings.executor == "kubernetes";
  return settings.kubernetes_chosen && pool::is_in_cluster();
}

pool::KubernetesSettings kubernetes_settings(const Settings& settings, const fs::path& data) {
  pool::KubernetesSettings result = settings.kubernetes;
  result.port = settings.runner_port;
  // A label's value: who looks at pods finds the replica by it.
  result.identity = host_name().substr(0, 50) + "-" + sha256_hex(random_token(16)).substr(0, 6);
  result.version = version();
  for (const languages::Language& language : languages::all()) {
    const bool is_wanted = settings.languages.empty() || std::ranges::any_of(settings.languages, [&](const auto& name) {
                             return languages::find(name) == &language;
                           });
    if (is_wanted) result.languages.emplace_back(language.code);
  }
  result.floors = settings.pool_floors;
  result.keep_warm = settings.pool;
  result.parallel_creations = settings.pool_parallel;
  result.refill_interval = settings.pool_interval;
  result.refill_at_once = settings.pool_refill_at_once;
  result.ttl = settings.pod_ttl;
  result.longest_run = settings.time_limit;
  for (const languages::Language& language : languages::all()) {
    const auto longest = settings.time_limit + language.compile_limit(settings.time_limit);
    result.longest_run = std::max<std::chrono::milliseconds>(result.longest_run, longest);
  }
  result.spool = data;
  const auto pass = [&](const char* name, std::string value) {
    result.environment.emplace_back(name, std::move(value));
  };
  pass("MAX_EXECUTION_TIME", std::to_string(settings.time_limit.count()));
  pass("MAX_MEMORY_MB", std::to_string(settings.memory_bytes >> 20));
  pass("MAX_PIDS", std::to_string(settings.processes));
  pass("MAX_OPEN_FILES", std::to_string(settings.open_files));
  pass("MAX_FILE_SIZE_MB", std::to_string(settings.file_bytes >> 20));
  pass("MAX_TOTAL_FILE_SIZE_MB", std::to_string(settings.request_bytes >> 20));
  pass("PYTHON_PRELOAD", fmt::format("{}", fmt::join(settings.python_preload, ",")));
  pass("PYTHON_KEEP_PLOTS", settings.keep_plots ? "true" : "false");
  pass("POD_TTL_MINUTES", std::to_string(settings.pod_ttl.count()));
  pass("LOG_LEVEL", settings.log_level);
  return result;
}

pool::PoolSettings pool_settings(const Settings& settings) {
  pool::PoolSettings result;
  result.floors = settings.pool_floors;
  result.parallel_creations = settings.pool_parallel;
  // One of these keeps a processor busy for a second or two; the other half is for programs.
  result.parallel_slow_creations =
      std::clamp(static_cast<int>(std::thread::hardware_concurrency()) / 2, 1, settings.pool_parallel);
  result.parallel_slow_awaited = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  result.enabled = settings.pool && !is_contained(settings);
  result.refill_on_acquire = settings.pool_refill_at_once;
  result.refill_interval = settings.pool_interval;
  result.python_modules = preload_of(settings).modules;
  // Each costs us three descriptors for as long as it waits.
  result.most_warm = static_cast<int>(std::clamp<std::uint64_t>(os::most_open_files() / 16, 1, 48));
  result.warm_memory_bytes = settings.pool_memory_bytes > 0 ? settings.pool_memory_bytes : os::usable_memory() / 4;
  return result;
}

sandbox::SandboxdSettings sandboxd_settings(const Settings& settings) {
  sandbox::SandboxdSettings result;
  result.memory_bytes = settings.memory_bytes;
  result.processes = static_cast<std::uint64_t>(settings.processes);
  result.open_files = static_cast<std::uint64_t>(settings.open_files);
  result.workspace_bytes = usable_workspace_bytes(settings);
  result.tmp_bytes = std::min(settings.tmp_bytes, settings.memory_bytes / 4);
  result.hostname = settings.sandbox_hostname;
  for (const std::string& name : settings.languages) {
    const languages::Language* language = languages::find(name);
    if (language == nullptr)
      throw Failure(FailureKind::invalid, fmt::format("LANGUAGES: there is no language \"{}\"", name));
    result.languages.emplace_back(language->code);
  }
  result.allow_weak = {settings.allow_weak.begin(), settings.allow_weak.end()};
  result.runtimes = runtimes_directory(settings);
  if (forbids_programs(result.runtimes)) {
    throw Failure(
        FailureKind::invalid, fmt::format(
                                  "RUNTIMES_DIR: {} is on a file system that is mounted noexec, from which sandboxes "
                                  "cannot load our parts; copy it "
                                  "elsewhere and name that place",
                                  result.runtimes.string()));
  }
  check_root(settings);
  if (const os::SystemRoot root = programs_root(settings); !root.is_host()) result.root = root.directory();
  const Preload preload = preload_of(settings);
  result.python_levels = preload.levels;
  result.python_modules = preload.modules;
  result.keep_plots = settings.keep_plots;
  return result;
}

std::unique_ptr<store::ObjectStore> open_bodies(
    const Settings& settings, const fs::path& data, asio::any_io_executor executor, asio::thread_pool& pool) {
  if (!settings.s3.chosen()) {
    log_info("files are kept on this machine", {{"directory", (data / "files").string()}});
    return store::open_filesystem(data / "files", pool);
  }
  log_info(
      "files are kept in s3", {{"endpoint", settings.s3.endpoint},
                               {"bucket", settings.s3.bucket},
                               {"region", settings.s3.region},
                               {"tls", settings.s3.secure ? "yes" : "no"}});
  return store::open_s3(settings.s3, std::move(executor), pool);
}

fs::path runtimes_directory(const Settings& settings) {
  if (!settings.runtimes_directory.empty()) {
    const fs::path chosen = fs::absolute(settings.runtimes_directory);
    if (fs::is_directory(chosen)) return chosen;
    throw Failure(FailureKind::invalid, fmt::format("RUNTIMES_DIR: {} is not a directory", chosen.string()));
  }
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path();
  const fs::path shared = beside.parent_path() / "share/kubecoderun/runtimes";
  for (const fs::path& candidate : {beside / "runtimes", shared}) {
    if (fs::is_directory(candidate)) return candidate;
  }
  throw Failure(
      FailureKind::invalid, fmt::format(
                                "the directory of runtimes is neither at {} nor at {}; name it in RUNTIMES_DIR",
                                (beside / "runtimes").string(), shared.string()));
}

os::SystemRoot programs_root(const Settings& settings) { return os::SystemRoot(settings.root_directory); }

void check_root(const Settings& settings) {
  const os::SystemRoot root = programs_root(settings);
  if (root.is_host()) return;
  std::string trouble;
  if (is_contained(settings)) {
    trouble =
        "where sandboxes are no more than their container (ALLOW_WEAK_SANDBOX) programs see its root; leave one of the "
        "two out";
  } else {
    trouble = sandbox::root_trouble(root, runtimes_directory(settings), server_account(settings.server_user).user);
  }
  if (!trouble.empty()) throw Failure(FailureKind::invalid, "SANDBOX_ROOT: " + trouble);
}

fs::path packages_directory(const Settings& settings) {
  if (!settings.packages_directory.empty()) return fs::absolute(settings.packages_directory).lexically_normal();
  fs::path data = fs::absolute(settings.data_directory).lexically_normal();
  if (!data.has_filename()) data = data.parent_path();  // of "data/"
  return data += "-packages";
}

namespace {

// Why programs may not be given it, if they may not.
std::string trouble_of_packages(const Settings& settings, const fs::path& directory) {
  return sandbox::packages_trouble(directory, server_account(settings.server_user).user);
}

bool may_be_given(const Settings& settings, const fs::path& directory) {
  const std::string trouble = trouble_of_packages(settings, directory);
  if (!trouble.empty()) log_warning("packages of the operator will not be found", {{"reason", trouble}});
  std::error_code ignored;
  return trouble.empty() && fs::is_directory(directory, ignored);
}

void check_trouble(const Settings& settings, const fs::path& directory, const char* name) {
  const std::string trouble = trouble_of_packages(settings, directory);
  if (!trouble.empty()) throw Failure(FailureKind::invalid, fmt::format("{}: {}", name, trouble));
}

void check_is_there(const fs::path& directory, const char* name, const char* maker) {
  std::error_code ignored;
  if (fs::exists(directory, ignored)) return;
  throw Failure(
      FailureKind::invalid, fmt::format("{}: {} is not there; `{}` makes it", name, directory.string(), maker));
}

constexpr const char* packages_setting = "SANDBOX_PACKAGES";
constexpr const char* sets_setting = "SANDBOX_PACKAGE_SETS";

}  // namespace

fs::path usable_packages(const Settings& settings) {
  fs::path directory = packages_directory(settings);
  return may_be_given(settings, directory) ? directory : fs::path();
}

fs::path package_sets_directory(const Settings& settings) {
  if (!settings.package_sets_directory.empty()) return fs::absolute(settings.package_sets_directory).lexically_normal();
  fs::path packages = packages_directory(settings);
  if (!packages.has_filename()) packages = packages.parent_path();
  return packages += "-sets";
}

std::vector<std::string> usable_package_sets(const Settings& settings) {
  std::vector<std::string> sets;
  const fs::path directory = package_sets_directory(settings);
  if (!may_be_given(settings, directory)) return sets;
  if (is_contained(settings)) {
    log_warning(
        "no program gets a set of packages", {{"reason", "ALLOW_WEAK_SANDBOX: all of them see the container's root"}});
    return sets;
  }
  for (const fs::path& set : sandbox::package_sets(directory)) {
    if (may_be_given(settings, set)) sets.push_back(set);
  }
  return sets;
}

api::LibraryPlaces library_places(const Settings& settings) {
  api::LibraryPlaces places{programs_root(settings), {}, {}};
  if (is_kubernetes(settings)) return places;
  places.packages = packages_directory(settings);
  places.package_sets = package_sets_directory(settings);
  return places;
}

void check_packages(const Settings& settings) {
  const fs::path packages = packages_directory(settings), sets = package_sets_directory(settings);
  check_trouble(settings, packages, packages_setting);
  if (!settings.packages_directory.empty()) check_is_there(packages, packages_setting, "kubecoderun packages add");
  check_trouble(settings, sets, sets_setting);
  if (!settings.package_sets_directory.empty())
    check_is_there(sets, sets_setting, "kubecoderun packages --set NAME add");
  for (const fs::path& set : sandbox::package_sets(sets)) check_trouble(settings, set, sets_setting);
}

void check_packages_in(const Settings& settings, const fs::path& directory) {
  check_trouble(settings, directory, "kubecoderun packages");
}

bool forbids_programs(const fs::path& directory) {
  struct statvfs info{};
  return ::statvfs(directory.c_str(), &info) == 0 && (info.f_flag & ST_NOEXEC) != 0;
}

LogSettings start_log(const LoadedSettings& settings, std::string logger, LogTarget target) {
  LogSettings log;
  log.level = level_of(settings.values.log_level);
  log.format = settings.values.log_format == "json" ? LogFormat::json : LogFormat::text;
  log.logger = std::move(logger);
  log.version = version();
  log.target = target == LogTarget::file && settings.values.log_file.empty() ? LogTarget::output : target;
  const bool on_terminal = ::isatty(log.target == LogTarget::errors ? STDERR_FILENO : STDOUT_FILENO) == 1;
  if (on_terminal && !was_chosen(settings, "LOG_FORMAT")) log.format = LogFormat::text;
  log.file = settings.values.log_file;
  log.file_megabytes = settings.values.log_megabytes;
  log.file_backups = settings.values.log_backups;
  try {
    configure_log(log);
  } catch (const Failure& failure) {
    throw Failure(FailureKind::invalid, fmt::format("LOG_FILE: {}", failure.what()));
  }
  return log;
}

}  // namespace ci::app
