#include "app/commands/packages_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <span>

#include "app/server/compose.h"
#include "base/ascii.h"
#include "base/package_set.h"
#include "base/sys.h"
#include "base/table.h"
#include "base/unique_fd.h"
#include "libraries/own_libraries.h"
#include "libraries/python_libraries.h"
#include "os/child_process.h"
#include "sandbox/own_packages.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

[[noreturn]] void refuse(std::string reason) { throw Failure(FailureKind::invalid, std::move(reason)); }

// Runs a tool of this host, which speaks to the person itself. Its failure is ours.
void run(Names words, const fs::path& where = {}, const Names& more_environment = {}) {
  if (::access(words.front().c_str(), X_OK) != 0) {
    refuse(fmt::format("{} is not installed, which is what installs packages of that language", words.front()));
  }
  os::SpawnRequest request;
  request.program = words.front();
  request.arguments = std::move(words);
  request.directory = where;
  if (!more_environment.empty()) {
    Names variables = more_environment;  // the first of a name counts
    for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
    request.environment = std::move(variables);
  }
  if (const int status = os::ChildProcess::spawn(request).wait(); status != 0) {
    refuse(fmt::format("{} ended with {}; nothing was changed", request.program, status));
  }
}

Names with(Names words, const Names& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// Paths are those of the directory that the person is in.
Names with_whole_paths(Names names) {
  for (std::string& name : names) {
    std::error_code ignored;
    if (!name.starts_with("-") && fs::exists(name, ignored)) name = fs::absolute(name).lexically_normal();
  }
  return names;
}

// An environment that sees what the system has: only what is newer or missing is installed beside it.
void add_python(const fs::path& folder, const Names& names) {
  if (!fs::exists(folder / "pyvenv.cfg")) {
    if (!fs::is_empty(folder)) {
      refuse(
          "py is not a virtual environment but was filled in another way, perhaps with `pip install --target`: go on "
          "in that way, "
          "or move it away");
    }
    run({"/usr/bin/python3", "-m", "venv", "--without-pip", "--system-site-packages", folder});
  }
  run(with(
      {"/usr/bin/python3", "-m", "pip", "--python", folder / "bin/python", "--disable-pip-version-check", "install"},
      names));
}

void remove_python(const fs::path& folder, const Names& names) {
  run(with(
      {"/usr/bin/python3", "-m", "pip", "--python", folder / "bin/python", "--disable-pip-version-check", "uninstall",
       "--yes"},
      names));
}

Names npm(const fs::path& folder, const char* verb) {
  // Scripts of packages would run as whoever types this.
  return {"/usr/bin/npm", verb, "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"};
}

void add_node(const fs::path& folder, const Names& names) {
  run(with(npm(folder, "install"), with_whole_paths(names)));
}
void remove_node(const fs::path& folder, const Names& names) { run(with(npm(folder, "uninstall"), names)); }

void add_r(const fs::path& folder, const Names& names) {
  static constexpr const char* script = R"(
    words <- commandArgs(TRUE)
    library <- words[1]
    .libPaths(c(library, .libPaths()))
    repository <- getOption("repos")[["CRAN"]]
    if (repository == "@CRAN@") repository <- "https://cloud.r-project.org"
    for (package in words[-1]) {
      name <- sub("_.*", "", basename(package))
      if (file.exists(package)) install.packages(package, library, repos = NULL, type = "source")
      else install.packages(package, library, repos = repository)
      if (!dir.exists(file.path(library, name))) quit(status = 1)
    })";
  run(with({"/usr/bin/Rscript", "--vanilla", "-e", script, folder}, with_whole_paths(names)));
}

void add_go(const fs::path& folder, const Names& names) {
  // Modules are asked for by another module, which is forgotten.
  std::string scratch = (fs::temp_directory_path() / "kubecoderun-packages-XXXXXX").string();
  sys("making a directory", [&] { return ::mkdtemp(scratch.data()) == nullptr ? -1 : 0; });
  struct Scratch {
    fs::path path;
    ~Scratch() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } const own{scratch};
  const Names environment = {
      "GOMODCACHE=" + folder.string(), "GOFLAGS=-modcacherw -mod=mod", "GO111MODULE=on", "GOWORK=off"};
  run({"/usr/bin/go", "mod", "init", "packages"}, own.path, environment);
  run(with({"/usr/bin/go", "get"}, names), own.path, environment);
}

void add_java(const fs::path& folder, const Names& names) {
  for (const std::string& name : names) {
    const fs::path jar = name;
    if (jar.extension() != ".jar" || !fs::is_regular_file(jar)) {
      refuse(fmt::format(
          "{} is not a .jar file. What Maven knows it fetches with all that it needs: mvn dependency:copy-dependencies "
          "-DoutputDirectory=jars, in a folder with a pom.xml that names it; then kubecoderun packages add java "
          "jars/*.jar",
          name));
    }
    fs::copy_file(jar, folder / jar.filename(), fs::copy_options::overwrite_existing);
  }
}

// For what is a file or a folder of its own, with its name.
void remove_entries(const fs::path& folder, const Names& names) {
  for (const std::string& name : names) fs::remove_all(folder / name);
}

// All versions of a module: what was unpacked of it as well.
void remove_go(const fs::path& folder, const Names& names) {
  for (const std::string& name : names) {
    std::string escaped;
    for (const char c : name) {
      if (c >= 'A' && c <= 'Z') escaped += '!';
      escaped += lower_case(c);
    }
    fs::remove_all(folder / "cache/download" / escaped / "@v");
    const fs::path unpacked = folder / escaped;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(unpacked.parent_path(), ignored)) {
      if (entry.path().filename().string().starts_with(unpacked.filename().string() + "@"))
        fs::remove_all(entry.path());
    }
  }
}

struct Manager {
  const char* language;
  void (*add)(const fs::path& folder, const Names& names);
  void (*remove)(const fs::path& folder, const Names& names);
  bool of_one_release = false;  // what its tool installs is for the version that it is of itself
};
constexpr Manager managers[] = {
    {"go", add_go, remove_go},          {"java", add_java, remove_entries},
    {"js", add_node, remove_node},      {"py", add_python, remove_python, true},
    {"r", add_r, remove_entries, true},
};

Names managed() {
  Names languages;
  for (const Manager& manager : managers) languages.emplace_back(manager.language);
  return languages;
}

const Manager& manager_of(const std::string& language) {
  const std::string code = language == "ts" ? "js" : language;
  const auto found = std::ranges::find(managers, code, &Manager::language);
  if (found == std::end(managers)) {
    refuse(fmt::format(
        "there is no such command for \"{}\", but for {}. Headers and libraries of C and C++ go to cpp/include and "
        "cpp/lib of that "
        "directory",
        language, fmt::join(managed(), ", ")));
  }
  return *found;
}

// Tools of this host install for this host's versions.
void check_release(const Manager& manager, const Settings& settings) {
  const os::SystemRoot system = programs_root(settings);
  if (system.is_host() || !manager.of_one_release) return;
  refuse(fmt::format(
      "programs see {} in {} (SANDBOX_ROOT), and the tool of this host would install \"{}\" for its own version; "
      "docs/packages.md says how the tools of the tree do it",
      system.pretty_name(), system.directory().string(), manager.language));
}

// That of the set; an empty name is the one that all programs see.
fs::path directory_of(const Settings& settings, const std::string& set) {
  if (set.empty()) return packages_directory(settings);
  if (!is_package_set_name(set)) refuse(fmt::format("--set: \"{}\" is no name of a set: {}", set, package_set_names));
  return package_sets_directory(settings) / set;
}

// The directory, ours while this lives.
UniqueFd hold(const fs::path& directory) {
  const std::string doing = "opening " + directory.string();
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw Failure::from_errno(error.value(), doing);
  UniqueFd held(sys(doing, [&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (::flock(held.get(), LOCK_EX | LOCK_NB) != 0)
    refuse("another `kubecoderun packages` is at work on " + directory.string());
  return held;
}

// A copy of a language's folder, to be changed and then put in its place. What it replaces stays until the next change: programs that run
// may still load from it.
class Change {
 public:
  Change(const fs::path& directory, const char* language)
      : folder_(directory / language),
        copy_(directory / ("." + std::string(language) + ".new")),
        before_(directory / ("." + std::string(language) + ".old")) {
    fs::remove_all(copy_);
    fs::remove_all(before_);
    if (!fs::exists(folder_)) {
      fs::create_directory(copy_);
      return;
    }
    run({"/bin/cp", "--archive", "--reflink=auto", folder_, copy_});
  }
  ~Change() {
    std::error_code ignored;
    fs::remove_all(copy_, ignored);
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  const fs::path& copy() const { return copy_; }

  void keep() {
    run({"/bin/chmod", "-R", "u+rwX,go+rX,go-w", copy_});  // sandboxes have users of their own
    const std::string doing = "exchanging " + folder_.string();
    if (!fs::exists(folder_)) {
      sys(doing, [&] { return ::rename(copy_.c_str(), folder_.c_str()); });
      return;
    }
    sys(doing, [&] { return ::renameat2(AT_FDCWD, copy_.c_str(), AT_FDCWD, folder_.c_str(), RENAME_EXCHANGE); });
    sys(doing, [&] { return ::rename(copy_.c_str(), before_.c_str()); });
  }

 private:
  fs::path folder_, copy_, before_;
};

void say_done(const fs::path& directory) {
  fmt::print(
      "Done, in {}. A server that runs gives them to programs within a minute, as soon as none runs.\n",
      directory.string());
}

// For who asks for none of them.
void print_sets(const Settings& settings, const std::string& set) {
  if (!set.empty()) return;
  for (const fs::path& directory : sandbox::package_sets(package_sets_directory(settings))) {
    fmt::print("There is a set: kubecoderun packages --set {} list\n", directory.filename().string());
  }
}

bool is_same(const libraries::Library& package, const std::string& name) {
  return package.name == name ||
         (package.language == "py" && libraries::normalized_name(package.name) == libraries::normalized_name(name));
}

}  // namespace

int install_packages(
    const Settings& settings, const std::string& set, const std::string& language, const Names& names) {
  const Manager& manager = manager_of(language);
  check_release(manager, settings);
  ::umask(022);
  const fs::path directory = directory_of(settings, set);
  const UniqueFd held = hold(directory);
  check_packages_in(settings, directory);
  Change change(directory, manager.language);
  manager.add(change.copy(), names);
  change.keep();
  say_done(directory);
  return 0;
}

int remove_packages(const Settings& settings, const std::string& set, const std::string& language, const Names& names) {
  const Manager& manager = manager_of(language);
  const fs::path directory = directory_of(settings, set);
  const auto installed = libraries::own_libraries(directory, manager.language, programs_root(settings));
  for (const std::string& name : names) {
    if (std::ranges::any_of(installed, [&](const libraries::Library& package) { return is_same(package, name); }))
      continue;
    refuse(fmt::format(
        "there is no \"{}\" in {}; kubecoderun packages list", name, (directory / manager.language).string()));
  }
  ::umask(022);
  const UniqueFd held = hold(directory);
  Change change(directory, manager.language);
  manager.remove(change.copy(), names);
  change.keep();
  say_done(directory);
  return 0;
}

int list_packages(const Settings& settings, const std::string& set, const std::string& language, bool as_json) {
  const fs::path directory = directory_of(settings, set);
  std::vector<libraries::Library> all;
  for (const std::string& code : language.empty() ? managed() : Names{manager_of(language).language}) {
    std::ranges::move(libraries::own_libraries(directory, code, programs_root(settings)), std::back_inserter(all));
  }
  if (as_json) {
    boost::json::array list;
    for (const libraries::Library& package : all) {
      list.push_back({{"language", package.language}, {"name", package.name}, {"version", package.version}});
    }
    fmt::print("{}\n", boost::json::serialize(list));
    return 0;
  }
  if (all.empty()) {
    fmt::print(
        "Nothing is in {}. For example: kubecoderun packages{} add py polars\n", directory.string(),
        set.empty() ? "" : " --set " + set);
    print_sets(settings, set);
    return 0;
  }
  Table table;
  table.columns = {{"Language", true}, {"Name", true}, {"Version", true}};
  for (const libraries::Library& package : all) table.add({package.language, package.name, package.version});
  fmt::print("{}", as_text(table));
  print_sets(settings, set);
  return 0;
}

}  // namespace ci::app
