#include "libraries/libraries.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "base/utf8.h"
#include "languages/java_libraries.h"
#include "languages/language.h"
#include "libraries/own_libraries.h"
#include "libraries/package_files.h"
#include "libraries/python_libraries.h"
#include "sandbox/own_packages.h"

namespace ci::libraries {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

using Libraries = std::vector<Library>;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void add(Libraries& all, Libraries more) { std::ranges::move(more, std::back_inserter(all)); }

// Where the installed Python looks, in its order: what an administrator has installed with pip, the distribution's, and those of
// packages/pypi.list (packages/install.sh).
void add_python(Libraries& all, const os::SystemRoot& system) {
  const fs::path& root = system.directory();
  const ModulesOfPackages of_packages = modules_of_packages(root);
  const std::string version = sandbox::python_version(system);
  if (!version.empty()) add(all, python_libraries(root / "usr/local/lib" / version / "dist-packages", of_packages));
  add(all, python_libraries(root / "usr/lib/python3/dist-packages", of_packages));
  const fs::path of_index = root / "usr/lib/kubecoderun/python/lib";
  if (!version.empty()) add(all, python_libraries(of_index / version / "site-packages"));
}

// Those that packages/node names; what they need themselves is nobody's business.
void add_node(Libraries& all, const fs::path& root, const std::string& language) {
  const fs::path place = root / "usr/lib/kubecoderun/node";
  const json::object package = package_json(place);
  const json::value* dependencies = package.if_contains("dependencies");
  if (dependencies == nullptr || !dependencies->is_object()) return;
  for (const auto& dependency : dependencies->get_object()) {
    const std::string name(dependency.key());
    if (name.starts_with("@types/")) continue;
    const auto version = node_version(place / "node_modules" / name);
    if (version && !version->empty()) all.push_back({language, name, *version, {}});
  }
}

// "log4j-1.2-api-2.20" is log4j-1.2-api in version 2.20.
void take_version_from_name(Library& jar) {
  for (size_t at = jar.name.rfind('-'); at != jar.name.npos && at > 0; at = jar.name.rfind('-', at - 1)) {
    if (at + 1 == jar.name.size() || std::isdigit(static_cast<unsigned char>(jar.name[at + 1])) == 0) continue;
    jar.version = jar.name.substr(at + 1);
    jar.name.resize(at);
    return;
  }
}

// The operator's own. What is for JavaScript is for TypeScript as well.
void add_own(Libraries& all, const fs::path& directory, const os::SystemRoot& system) {
  for (const std::string folder : {"py", "js", "java", "r", "go"}) {
    Libraries own = own_libraries(directory, folder, system);
    if (folder == "java") {
      for (Library& jar : own) {
        jar.name = fs::path(jar.name).stem();
        take_version_from_name(jar);
      }
    }
    if (folder == "go") std::ranges::reverse(own);  // of several versions programs get the latest
    add(all, own);
    if (folder != "js") continue;
    for (Library& library : own) library.language = "ts";
    add(all, std::move(own));
  }
}

// Debian links a jar with its version in the name to the one without, or the other way.
void add_java(Libraries& all, const fs::path& root) {
  const std::vector<fs::path> jars = entries(root / "usr/share/java");
  for (const std::string name : languages::java_libraries) {
    const auto is_same = [&](const Library& one) { return one.language == "java" && one.name == name; };
    if (std::ranges::any_of(all, is_same) || !is_there(root / "usr/share/java" / (name + ".jar"))) continue;
    std::string version;
    for (const fs::path& jar : jars) {
      Library one{"java", jar.stem(), "", {}};
      take_version_from_name(one);
      if (one.name == name && !one.version.empty()) version = one.version;
    }
    all.push_back({"java", name, version, {}});
  }
}

// Extensions have the version of PHP, which is in the name of the directory where they are switched on.
void add_php(Libraries& all, const os::SystemRoot& system) {
  constexpr std::string_view key = "extension=", ending = ".so";
  for (const fs::path& version : entries(system.find("/etc/php"))) {
    const fs::path switched_on = "/etc/php" / version.filename() / "cli/conf.d";
    std::set<std::string> names;
    for (const fs::path& link : entries(system.find(switched_on))) {
      for_each_line(system.find(switched_on / link.filename()), [&](std::string_view line) {
        if (!line.starts_with(key)) return Next::go_on;
        std::string_view name = line.substr(key.size());
        if (name.ends_with(ending)) name.remove_suffix(ending.size());
        names.emplace(name);
        return Next::go_on;
      });
    }
    for (const std::string& name : names) all.push_back({"php", name, version.filename(), {}});
  }
}

void add_r(Libraries& all, const fs::path& root) {
  for (const char* place : {"usr/local/lib/R/site-library", "usr/lib/R/site-library", "usr/lib/R/library"}) {
    for (const fs::path& entry : entries(root / place)) {
      const auto fields = fields_of(entry / "DESCRIPTION");
      const auto name = fields.find("Package"), version = fields.find("Version"), priority = fields.find("Priority");
      if (name == fields.end() || version == fields.end()) continue;
      if (priority != fields.end() && priority->second == "base") continue;  // R itself
      all.push_back({"r", name->second, version->second, {}});
    }
  }
}

// Of what is only headers, and of libraries that are linked: the packages of Debian that bring them. Its version without Debian's own part.
void add_packages(Libraries& all, const fs::path& root) {
  struct Known {
    std::string_view package, language, name, module = {};
  };
  static constexpr Known known[] = {
      // Without a description of their own (packages/sets.tsv).
      {"python3-opencv", "py", "opencv", "cv2"},
      {"python3-gmsh", "py", "gmsh"},
      {"libeigen3-dev", "cpp", "Eigen"},
      {"nlohmann-json3-dev", "cpp", "nlohmann-json"},
      {"libgsl-dev", "c", "GSL"},
      {"libgsl-dev", "cpp", "GSL"},
      {"liblapacke-dev", "c", "LAPACK"},
      {"liblapacke-dev", "cpp", "LAPACK"},
      {"zlib1g-dev", "c", "zlib"},
      {"zlib1g-dev", "cpp", "zlib"},
      {"golang-github-burntsushi-toml-dev", "go", "github.com/BurntSushi/toml"},
      {"golang-github-davecgh-go-spew-dev", "go", "github.com/davecgh/go-spew"},
      {"golang-github-dustin-go-humanize-dev", "go", "github.com/dustin/go-humanize"},
      {"golang-github-emirpasic-gods-dev", "go", "github.com/emirpasic/gods"},
      {"golang-github-fatih-color-dev", "go", "github.com/fatih/color"},
      {"golang-github-google-btree-dev", "go", "github.com/google/btree"},
      {"golang-github-google-go-cmp-dev", "go", "github.com/google/go-cmp"},
      {"golang-github-google-uuid-dev", "go", "github.com/google/uuid"},
      {"golang-github-gorilla-mux-dev", "go", "github.com/gorilla/mux"},
      {"golang-github-hashicorp-go-multierror-dev", "go", "github.com/hashicorp/go-multierror"},
      {"golang-github-mitchellh-mapstructure-dev", "go", "github.com/mitchellh/mapstructure"},
      {"golang-github-montanaflynn-stats-dev", "go", "github.com/montanaflynn/stats"},
      {"golang-github-olekukonko-tablewriter-dev", "go", "github.com/olekukonko/tablewriter"},
      {"golang-github-pkg-errors-dev", "go", "github.com/pkg/errors"},
      {"golang-github-shopspring-decimal-dev", "go", "github.com/shopspring/decimal"},
      {"golang-github-sirupsen-logrus-dev", "go", "github.com/sirupsen/logrus"},
      {"golang-github-spf13-cobra-dev", "go", "github.com/spf13/cobra"},
      {"golang-github-spf13-pflag-dev", "go", "github.com/spf13/pflag"},
      {"golang-github-stretchr-testify-dev", "go", "github.com/stretchr/testify"},
      {"golang-github-tidwall-gjson-dev", "go", "github.com/tidwall/gjson"},
      {"golang-go.uber-zap-dev", "go", "go.uber.org/zap"},
      {"golang-golang-x-crypto-dev", "go", "golang.org/x/crypto"},
      {"golang-golang-x-exp-dev", "go", "golang.org/x/exp"},
      {"golang-golang-x-net-dev", "go", "golang.org/x/net"},
      {"golang-golang-x-sync-dev", "go", "golang.org/x/sync"},
      {"golang-golang-x-term-dev", "go", "golang.org/x/term"},
      {"golang-golang-x-text-dev", "go", "golang.org/x/text"},
      {"golang-golang-x-time-dev", "go", "golang.org/x/time"},
      {"golang-gopkg-yaml.v2-dev", "go", "gopkg.in/yaml.v2"},
      {"golang-gopkg-yaml.v3-dev", "go", "gopkg.in/yaml.v3"},
      {"librust-anyhow-dev", "rs", "anyhow"},
      {"librust-base64-dev", "rs", "base64"},
      {"librust-chrono-dev", "rs", "chrono"},
      {"librust-csv-dev", "rs", "csv"},
      {"librust-hex-dev", "rs", "hex"},
      {"librust-indexmap-dev", "rs", "indexmap"},
      {"librust-itertools-dev", "rs", "itertools"},
      {"librust-lazy-static-dev", "rs", "lazy_static"},
      {"librust-num-dev", "rs", "num"},
      {"librust-num-bigint-dev", "rs", "num_bigint"},
      {"librust-num-traits-dev", "rs", "num_traits"},
      {"librust-once-cell-dev", "rs", "once_cell"},
      {"librust-rand-dev", "rs", "rand"},
      {"librust-rayon-dev", "rs", "rayon"},
      {"librust-regex-dev", "rs", "regex"},
      {"librust-serde-dev", "rs", "serde"},
      {"librust-serde-json-dev", "rs", "serde_json"},
      {"librust-sha2-dev", "rs", "sha2"},
      {"librust-thiserror-dev", "rs", "thiserror"},
      {"librust-uuid-dev", "rs", "uuid"},
  };
  std::string package;
  bool installed = false;
  for_each_line(root / "var/lib/dpkg/status", [&](std::string_view line) {
    if (line.starts_with("Package: ")) package = line.substr(9);
    if (line.starts_with("Status: ")) installed = line.ends_with(" installed");
    if (!line.starts_with("Version: ") || !installed) return Next::go_on;
    for (const Known& one : known) {
      if (one.package != package) continue;
      std::string version(line.substr(9, line.rfind('-') - 9));
      if (const size_t epoch = version.find(':'); epoch != version.npos) version.erase(0, epoch + 1);
      if (const size_t repacked = version.find("+dfsg"); repacked != version.npos) version.resize(repacked);
      Library library{std::string(one.language), std::string(one.name), version, {}};
      if (!one.module.empty()) library.imports.emplace_back(one.module);
      all.push_back(std::move(library));
    }
    return Next::go_on;
  });
}

// What a program can have only one of. Jars are all on the class path, whatever their names have in common.
std::string key_of(const Library& library) {
  if (library.language == "py") return normalized_name(library.name);
  return library.language == "java" ? library.name + "-" + library.version : library.name;
}

}  // namespace

std::vector<Library> find_libraries(const os::SystemRoot& system, std::span<const fs::path> packages) {
  const fs::path& root = system.directory();
  Libraries all;
  for (const fs::path& directory : packages) add_own(all, directory, system);
  add_python(all, system);
  add_node(all, root, "js");
  add_node(all, root, "ts");
  add_java(all, root);
  add_php(all, system);
  add_r(all, root);
  add_packages(all, root);
  const auto place = [](const Library& library) {
    const auto same = [&](const languages::Language& language) { return language.code == library.language; };
    return std::ranges::find_if(languages::all(), same) - languages::all().begin();
  };
  std::erase_if(all, [](const Library& one) { return !is_utf8(one.name) || !is_utf8(one.version); });
  // Of what is installed twice programs find the first.
  std::set<std::pair<std::string, std::string>> seen;
  std::erase_if(all, [&](const Library& one) { return !seen.emplace(one.language, key_of(one)).second; });
  std::ranges::sort(all, {}, [&](const Library& one) { return std::pair(place(one), lower_case(one.name)); });
  return all;
}

}  // namespace ci::libraries
