#include "app/command_options.h"

#include <CLI/CLI.hpp>

#include "app/commands/packages_command.h"
#include "app/settings/settings.h"

namespace ci::app {

namespace {

// Numbers of limits: a negative one is refused, 0 is none.
void add_limit(
    CLI::App* command, const std::string& name, std::optional<std::int64_t>& value, const std::string& meaning) {
  command->add_option(name, value, meaning)->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000'000'000}));
}

void add_key_limits(CLI::App* command, KeyOptions& options) {
  using access::Period;
  const auto limit = [&](const char* name, Period period, const char* meaning) {
    add_limit(command, name, options.limits[static_cast<std::size_t>(period)], meaning);
  };
  limit("--per-second", Period::second, "Requests of a second; 0: no limit");
  limit("--per-minute", Period::minute, "Requests of a minute");
  limit("--hourly", Period::hour, "Requests of an hour");
  limit("--daily", Period::day, "Requests of a day, in UTC");
  limit("--monthly", Period::month, "Requests of a month");
  add_limit(
      command, "--max-runs", options.runs_at_once, "Runs at once, of all servers that share a Redis; 0: no limit");
  add_limit(command, "--max-seconds", options.run_seconds, "Longest run in seconds; 0: the server's");
  add_limit(command, "--max-memory-mb", options.memory_megabytes, "Memory of a run in megabytes; 0: the server's");
  const auto set_languages = [&options](const std::string& text) { options.languages = text; };
  command->add_option_function<std::string>(
      "--languages", set_languages, "Languages that it may run, py,js,…; an empty text: all");
  const auto set_packages = [&options](const std::string& text) { options.package_sets = text; };
  command->add_option_function<std::string>(
      "--packages", set_packages,
      "Sets of packages that its runs may name, a,b,…, of which the first is for those that name none; an empty text: "
      "any");
  command->add_option("--metadata", options.metadata, "name=value, kept with the key; may be repeated")
      ->allow_extra_args(false);
}

}  // namespace

void add_keys(CLI::App& program, KeyOptions& options, Chosen& chosen) {
  CLI::App* keys = program.add_subcommand("keys", "Make, limit and revoke keys (needs MASTER_API_KEY)");
  keys->require_subcommand(1);
  const auto add = [&](const char* name, const char* meaning, int (*work)(const Settings&, const KeyOptions&)) {
    CLI::App* command = keys->add_subcommand(name, meaning);
    command->add_flag("--json", options.json, "As JSON");
    command->callback(
        [&options, &chosen, work] { chosen = [&options, work] { return work(load_settings().values, options); }; });
    return command;
  };
  const auto with_id = [&](CLI::App* command) {
    command->add_option("id", options.id, "The key's hash, some first digits of it, or the beginning of the key")
        ->required();
    return command;
  };
  CLI::App* create = add("create", "Make a key and print it: it is shown once", create_key);
  create->add_option("--name,-n", options.name, "What people call it")->required();
  add_key_limits(create, options);
  add("list", "All keys, those of the environment too", list_keys);
  with_id(add("show", "One key", show_key));
  CLI::App* update = with_id(add("update", "Change what is given, and nothing else", update_key));
  update->add_option("--name,-n", options.name, "What people call it");
  CLI::Option* enable = update->add_flag("--enable", options.enable, "Let it in again");
  update->add_flag("--disable", options.disable, "Refuse it until it is enabled")->excludes(enable);
  add_key_limits(update, options);
  with_id(add("revoke", "Remove a key for good", revoke_key))->add_flag("--force,-f", options.force, "Do not ask");
  with_id(add("usage", "How much of its limits is used up", show_key_usage));
}

void add_metrics(CLI::App& program, MetricsOptions& options, long& interval, Chosen& chosen) {
  CLI::App* metrics = program.add_subcommand("metrics", "What was run, how well and how fast");
  metrics->require_subcommand(1);
  const auto add = [&](const char* name, const char* meaning, int (*work)(const Settings&, const MetricsOptions&)) {
    CLI::App* command = metrics->add_subcommand(name, meaning);
    command->add_flag("--json", options.json, "As JSON");
    command->add_option("--hours", options.hours, "How far to look back")
        ->capture_default_str()
        ->check(CLI::Range(1, 24 * 365));
    command->callback([&options, &interval, &chosen, work] {
      options.interval = std::chrono::seconds(interval);
      chosen = [&options, work] { return work(load_settings().values, options); };
    });
    return command;
  };
  add("summary", "All in a few lines", show_summary);
  add("languages", "By language", show_languages);
  add("api-keys", "By key", show_keys_of_runs);
  add("pool", "What the pool of sandboxes did", show_pool);
  add("hourly", "By hour", show_hours);
  CLI::App* watch = add("watch", "The summary again and again, until ^C", watch_summary);
  watch->add_option("--interval", interval, "Seconds between two looks")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  watch->add_option("--rounds", options.rounds, "Looks, then end; 0: go on")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000000));
}

void add_packages(CLI::App& program, PackagesWords& words, Chosen& chosen) {
  CLI::App* packages = program.add_subcommand("packages", "Packages of your own for programs (SANDBOX_PACKAGES)");
  packages->require_subcommand(1);
  packages->add_option("--set", words.set, "Of this set, which only those find who name it (SANDBOX_PACKAGE_SETS)");
  const auto change =
      [&](const char* name, const char* meaning, const char* of_names,
          int (*work)(const Settings&, const std::string&, const std::string&, const std::vector<std::string>&)) {
        CLI::App* command = packages->add_subcommand(name, meaning)->fallthrough();
        command->add_option("language", words.language, "py, js, r, java or go")->required();
        command->add_option("names", words.names, of_names)->required();
        command->add_option("options", words.options, "Options of that tool, after --");
        command->callback([&words, &chosen, work] {
          words.names.insert(words.names.end(), words.options.begin(), words.options.end());
          chosen = [&words, work] { return work(load_settings().values, words.set, words.language, words.names); };
        });
        return command;
      };
  change(
      "add", "Install some, with pip, npm, R, go, or as jar files", "As its tool takes them: pandas==2.2, ./a.tgz",
      install_packages)
      ->footer(
          "Examples:\n"
          "  kubecoderun packages add py polars 'pandas>=2.2'\n"
          "  kubecoderun packages add js lodash ./our-library-1.0.0.tgz\n"
          "  kubecoderun packages --set reports add py pandas==2.2\n"
          "  kubecoderun packages add py our-library -- --no-index --find-links /srv/wheels");
  change("remove", "Take some away again", "As `packages list` calls them", remove_packages);
  CLI::App* list = packages->add_subcommand("list", "Say what is there")->fallthrough();
  list->add_option("language", words.language, "Only of this one");
  list->add_flag("--json", words.json, "As JSON");
  list->callback([&words, &chosen] {
    chosen = [&words] { return list_packages(load_settings().values, words.set, words.language, words.json); };
  });
}

}  // namespace ci::app
