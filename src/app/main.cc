// The command line. Everything it can do is a function elsewhere; here is only what its words mean.

#include <fmt/format.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>

#include "access/trusted_networks.h"
#include "app/command_options.h"
#include "app/commands/audit_command.h"
#include "app/commands/doctor/doctor.h"
#include "app/commands/keys_command.h"
#include "app/commands/libraries_command.h"
#include "app/commands/metrics_command.h"
#include "app/commands/run_command.h"
#include "app/commands/runner_command.h"
#include "app/processes/data_lock.h"
#include "app/processes/privileges.h"
#include "app/processes/supervisor.h"
#include "app/server/api_key.h"
#include "app/server/application.h"
#include "app/server/compose.h"
#include "app/server/preparations.h"
#include "app/settings/misspelt.h"
#include "app/settings/settings.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/version.h"
#include "bench/bench.h"
#include "os/open_files.h"
#include "sandbox/start/start.h"
#include "sandbox/workshop.h"

namespace ci::app {
namespace {

constexpr int status_usage = 2;

// What the process list shows: all of ours run the same file.
void name_process(const char* name) { ::prctl(PR_SET_NAME, name, 0, 0, 0); }

// Options of `serve` are settings under another name; the environment carries them to the other processes.
struct ServeOptions {
  std::string port, host, data_directory, languages;

  void apply() const {
    const auto set = [](const char* name, const std::string& value) {
      if (!value.empty()) ::setenv(name, value.c_str(), 1);
    };
    set("API_PORT", port);
    set("HTTPS_PORT", port);
    set("API_HOST", host);
    set("DATA_DIR", data_directory);
    set("LANGUAGES", languages);
  }
};

// A key that only root may read is no use to who typed sudo.
void give_key(
    const Account& person, const Account& account, const Settings& settings, const std::filesystem::path& data) {
  const Keys keys = resolve_keys(settings, data);
  if (keys.generated.empty()) return;
  try {
    let_read_key(person, account, data, keys.generated);
  } catch (const Failure& failure) {
    log_warning("the key file can be read with sudo only", {{"reason", failure.what()}});
  }
}

// Where sandboxes are not more than their container, programs are the same user as we are, and would see our memory and our keys.
void hide_from_programs(const Settings& settings) {
  if (is_contained(settings)) ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void prepare_log_files(const Settings& settings, const Account& account) {
  prepare_log_file(settings.log_file, account);
  prepare_log_file(settings.audit_file, account, "AUDIT_LOG_FILE");
}

// `master`: a process that this server must not outlive; 0: nobody.
int serve(pid_t master) {
  if (master > 0) end_with_parent(master);
  const LoadedSettings settings = load_settings();
  hide_from_programs(settings.values);
  start_log(settings, "supervisor", LogTarget::output);
  // These refuse what is wrong before anything is started.
  const bool elsewhere = is_kubernetes(settings.values);
  if (!elsewhere) sandboxd_settings(settings.values);
  check_certificate(settings.values);
  check_packages(settings.values);
  access::TrustedNetworks{settings.values.trusted_networks};
  const Account account = server_account(settings.values.server_user);
  const auto data = make_data_directory(settings.values.data_directory);
  // Held by this process only: it lives as long as the server does, whatever happens to the other two.
  const UniqueFd held =
      hold_data_directory(data, settings.values.redis.chosen() ? Sharing::between_servers : Sharing::none);
  prepare_data_directory(data, account);
  prepare_log_files(settings.values, account);
  make_prepared_directory(data, account);
  if (const auto person = starter()) give_key(*person, account, settings.values, data);
  SupervisorSettings supervisor;
  supervisor.worker_arguments = {"worker"};
  if (!elsewhere) supervisor.sandboxd_arguments = {"sandboxd"};
  supervisor.patience = settings.values.drain + std::chrono::seconds(30);
  return supervise(supervisor);
}

int worker(pid_t supervisor) {
  name_process("kubecoderun-srv");
  os::raise_open_files();
  const LoadedSettings settings = load_settings();
  hide_from_programs(settings.values);
  start_log(settings, "server", LogTarget::output);
  const Account account = server_account(settings.values.server_user);
  const auto data = prepare_data_directory(settings.values.data_directory, account);
  prepare_log_files(settings.values, account);
  Application application(settings.values, data, take_inherited_socket());
  std::vector<std::filesystem::path> needed{data};
  if (!is_kubernetes(settings.values)) {
    needed.push_back(runtimes_directory(settings.values));
    if (const auto root = programs_root(settings.values); !root.is_host()) needed.push_back(root.directory());
    if (const auto packages = usable_packages(settings.values); !packages.empty()) needed.push_back(packages);
    std::error_code ignored;
    if (const auto sets = package_sets_directory(settings.values); std::filesystem::is_directory(sets, ignored))
      needed.push_back(sets);
  }
  become(account, needed);
  end_with_parent(supervisor);
  start_log(settings, "server", LogTarget::file);  // the log file belongs to who writes it
  log_remarks(settings, is_kubernetes(settings.values));
  log_misspelt_settings();
  return application.run();
}

int sandboxd(bool quiet) {
  LoadedSettings settings = load_settings();
  if (quiet) settings.values.log_level = "ERROR";
  sandbox::StartSettings start;
  start.log = start_log(settings, "sandboxd", quiet ? LogTarget::errors : LogTarget::output);
  start.sandboxd = sandboxd_settings(settings.values);
  start.sandboxd.packages = usable_packages(settings.values);
  start.sandboxd.package_sets = usable_package_sets(settings.values);
  // The directory of a server, which `run` is not.
  if (!quiet)
    start.sandboxd.prepared = std::filesystem::absolute(settings.values.data_directory).lexically_normal() / "prepared";
  sandbox::start_sandboxd(start, take_inherited_socket());
}

int print_settings(bool json) {
  const LoadedSettings settings = load_settings();
  fmt::print("{}", json ? describe_settings_json(settings) : describe_settings(settings));
  return 0;
}

int examine(bool json) {
  Settings settings;
  try {
    settings = load_settings().values;
  } catch (const Failure& failure) {
    fmt::print(stderr, "kubecoderun: {}\n", failure.what());  // the host can be examined all the same
  }
  return doctor(json, settings);
}

int measure(bench::BenchRequest request) {
  if (!request.base.empty() && request.key.empty()) {
    const LoadedSettings settings = load_settings();
    const auto key = find_key(settings.values);
    if (!key)
      throw Failure(FailureKind::invalid, "there is no key: give --key, API_KEY, or the DATA_DIR of the server");
    request.key = *key;
  }
  return bench::bench(request);
}

int command_line(int argc, char** argv) {
  CLI::App program(
      "A code interpreter: runs what clients send in sandboxes made for one run each.\n"
      "Settings come from the environment and from .env; `kubecoderun settings` lists them.",
      "kubecoderun");
  program.set_version_flag("--version", std::string(version()));
  program.require_subcommand(1);
  program.footer(
      "Examples:\n"
      "  kubecoderun serve\n"
      "  echo 'print(6*7)' | kubecoderun run --lang py\n"
      "  kubecoderun run plot.py --file data.csv --output-dir out -- --title Sales\n"
      "  kubecoderun keys create --name team --hourly 1000\n"
      "  kubecoderun packages add py polars\n"
      "  kubecoderun metrics summary\n"
      "  kubecoderun doctor\n"
      "  kubecoderun bench --only languages,concurrency");
  std::function<int()> chosen;

  ServeOptions serve_options;
  CLI::App* serve_command = program.add_subcommand("serve", "Serve HTTP until SIGTERM or ^C");
  serve_command->add_option("--port,-p", serve_options.port, "Port to listen on (API_PORT; with TLS HTTPS_PORT)")
      ->check(CLI::Range(1, 65535));
  serve_command->add_option("--host", serve_options.host, "Address to listen on (API_HOST)");
  serve_command->add_option("--data-dir", serve_options.data_directory, "Where everything is kept (DATA_DIR)");
  serve_command->add_option("--languages", serve_options.languages, "Languages to offer, py,js,… (LANGUAGES)");
  pid_t master = 0;
  serve_command->add_option("--end-with", master)->group("");  // for bench
  serve_command->callback([&] {
    serve_options.apply();
    chosen = [&] { return serve(master); };
  });

  RunRequest run_request;
  long run_seconds = 0;
  std::string output_directory;
  CLI::App* run = program.add_subcommand("run", "Run one program in a sandbox, without a server");
  run->add_option(
      "--lang,-l", run_request.language, "Its language: py, js, bash, … (default: by the file's extension)");
  run->add_option("program", run_request.file, "File with the code; - or nothing: stdin");
  run->add_option("arguments", run_request.arguments, "Arguments of the program, after --");
  run->add_option("--packages", run_request.packages, "The set of packages that it finds (SANDBOX_PACKAGE_SETS)");
  run->add_option("--file,-f", run_request.inputs, "A file to place in its working directory; may be repeated")
      ->allow_extra_args(false);
  run->add_option(
      "--output-dir,-o", output_directory, "Where files that it leaves are copied; not given: they are listed");
  run->add_option("--timeout,-t", run_seconds, "Seconds it may run (default: MAX_EXECUTION_TIME)")
      ->check(CLI::Range(1, 86400));
  run->callback([&] {
    if (!output_directory.empty()) run_request.output_directory = output_directory;
    if (run_seconds > 0) run_request.time_limit = std::chrono::seconds(run_seconds);
    chosen = [&] {
      const LoadedSettings settings = load_settings();
      hide_from_programs(settings.values);
      return run_command(settings, run_request);
    };
  });

  CLI::App* runner = program.add_subcommand("runner", "Serve one run inside an execution pod (LANGUAGE, RUNNER_PORT)");
  runner->callback([&] {
    chosen = [] {
      adapt_environment_of_runner();
      const LoadedSettings settings = load_settings();
      hide_from_programs(settings.values);
      return runner_command(settings);
    };
  });

  bool json = false;
  CLI::App* doctor_command = program.add_subcommand("doctor", "Say what this host has and lacks for sandboxes");
  doctor_command->add_flag("--json", json, "As JSON");
  doctor_command->callback([&] { chosen = [&] { return examine(json); }; });

  std::string library_language, library_set;
  CLI::App* libraries_command =
      program.add_subcommand("libraries", "List what programs find beside the library of their language");
  libraries_command->add_option("language", library_language, "One language: py, js, …");
  libraries_command->add_option("--packages", library_set, "Also those of this set of packages");
  libraries_command->add_flag("--json", json, "As JSON");
  libraries_command->callback(
      [&] { chosen = [&] { return list_libraries(load_settings().values, library_set, library_language, json); }; });

  CLI::App* settings_command =
      program.add_subcommand("settings", "Print every setting: value in force, default, meaning");
  settings_command->add_flag("--json", json, "As JSON");
  settings_command->callback([&] { chosen = [&] { return print_settings(json); }; });

  KeyOptions key_options;
  add_keys(program, key_options, chosen);
  MetricsOptions metrics_options;
  long watch_interval = metrics_options.interval.count();
  add_metrics(program, metrics_options, watch_interval, chosen);

  PackagesWords packages_words;
  add_packages(program, packages_words, chosen);

  std::string audit_file;
  CLI::App* audit = program.add_subcommand("audit", "Check the audit log");
  audit->require_subcommand(1);
  CLI::App* verify_command = audit->add_subcommand("verify", "Say whether a line was changed, removed or added");
  verify_command->add_option("file", audit_file, "The log (default: AUDIT_LOG_FILE)");
  verify_command->callback([&] { chosen = [&] { return verify_audit(load_settings().values, audit_file); }; });

  bench::BenchRequest request;
  bool no_bare = false;
  long bench_seconds = request.duration.count();
  long bench_pause = request.pause.count();
  CLI::App* bench_command =
      program.add_subcommand("bench", "Measure a server as a client sees it, and this machine beside it");
  bench_command->add_option(
      "--base", request.base, "Address of the server, http:// or https:// (default: start one for this)");
  bench_command->add_option("--key", request.key, "Its key (default: API_KEY, else the file in DATA_DIR)");
  bench_command->add_flag("--insecure", request.trust.anybody, "Accept any certificate");
  bench_command->add_option("--ca", request.trust.authorities, "PEM file of the authorities to trust");
  bench_command->add_option("--only", request.only, "Groups, cases or languages, with commas between; may be repeated")
      ->allow_extra_args(false);
  bench_command->add_option("--count,-n", request.count, "Measured requests of each case, at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  bench_command->add_option("--duration,-d", bench_seconds, "Seconds of each case, at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  bench_command->add_option("--warm-up", request.warm_up, "Requests before them, at most")
      ->capture_default_str()
      ->check(CLI::Range(0, 100000));
  bench_command->add_option("--pause", bench_pause, "Milliseconds between two requests of a case")
      ->capture_default_str()
      ->check(CLI::Range(0, 60000));
  bench_command->add_option("--clients,-c", request.clients, "Levels of the group concurrency")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1, 1000))
      ->allow_extra_args(false);
  bench_command->add_flag("--no-bare", no_bare, "Leave out the bare tools");
  bench_command->add_flag("--markdown", request.markdown, "Tables for a document");
  bench_command->add_option(
      "--json", request.json_file, "Write everything, each single time too, to this file as well");
  bench_command->footer(bench::describe_groups());
  bench_command->callback([&] {
    request.bare = !no_bare;
    request.duration = std::chrono::seconds(bench_seconds);
    request.pause = std::chrono::milliseconds(bench_pause);
    chosen = [&] { return measure(request); };
  });

  // The processes below `serve`: not for people.
  pid_t supervisor = 0;
  CLI::App* worker_command = program.add_subcommand("worker")->group("");
  worker_command->add_option("--supervisor", supervisor)->required();
  worker_command->callback([&] { chosen = [&] { return worker(supervisor); }; });
  sandbox::Workshop workshop;
  CLI::App* inside_command = program.add_subcommand("inside")->group("");
  inside_command->add_option("--root", workshop.root)->required();
  inside_command->add_option("--runtimes", workshop.runtimes)->required();
  inside_command->add_option("--output", workshop.output)->required();
  inside_command->add_option("--output-name", workshop.output_name)->required();
  inside_command->add_option("words", workshop.words)->required();
  inside_command->callback([&] { chosen = [&] { return sandbox::work_inside(workshop); }; });
  bool quiet = false;
  CLI::App* sandboxd_command = program.add_subcommand("sandboxd")->group("");
  sandboxd_command->add_flag("--quiet", quiet);
  sandboxd_command->callback([&] { chosen = [&] { return sandboxd(quiet); }; });

  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (argc > 1 && argv[1][0] != '-' && program.get_subcommands().empty()) {
      std::string known;
      for (const CLI::App* each :
           program.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); })) {
        known += (known.empty() ? "" : ", ") + each->get_name();
      }
      fmt::print(
          stderr, "kubecoderun: there is no command \"{}\". Commands: {}. See kubecoderun --help\n", argv[1], known);
      return status_usage;
    }
    return program.exit(error) == 0 ? 0 : status_usage;  // --help and --version end here, too
  }
  return chosen();
}

}  // namespace
}  // namespace ci::app

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return ci::app::command_line(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "kubecoderun: {}\n", error.what());
    return 1;
  }
}
