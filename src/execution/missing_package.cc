#include "execution/missing_package.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <vector>

#include "base/edit_distance.h"

namespace ci::execution {

namespace fs = std::filesystem;

namespace {

constexpr size_t most_looked_at = 64 << 10;  // characters, the last ones

// What a tool says: `before`, the name, `after`. `only` is the language of the programs that it is looked for in; empty: of all, since
// they may start each other's tools. `also` has to be there as well.
struct Saying {
  std::string_view only, of, before, after, also;
};
constexpr std::array sayings = {
    Saying{"", "js", "Error: Cannot find module '", "'", "\nNode.js v"},
    Saying{"", "js", "[ERR_MODULE_NOT_FOUND]: Cannot find package '", "'", "\nNode.js v"},
    Saying{"", "r", "there is no package called ‘", "’", ""},
    Saying{"", "java", "error: package ", " does not exist", ""},
    Saying{"", "go", "no required module provides package ", ":;\n", ""},
    Saying{"", "go", "cannot find module providing package ", ":;\n", ""},
    Saying{"", "rs", "can't find crate for `", "`", ""},
    Saying{"", "rs", "maybe a missing crate `", "`", ""},
    Saying{"", "rs", "use of undeclared crate or module `", "`", ""},
    Saying{"", "rs", "use of unresolved module or unlinked crate `", "`", ""},
    Saying{"", "pip", "ERROR: No matching distribution found for ", "\n", ""},
    Saying{"", "npm", "npm ERR! code EAI_AGAIN", "", ""},
    Saying{"", "npm", "npm ERR! code ENOTFOUND", "", ""},
    Saying{"", "npm", "npm ERR! code EROFS", "", ""},
    Saying{"", "npm", "npm error code EAI_AGAIN", "", ""},
    Saying{"", "npm", "npm error code EROFS", "", ""},
    Saying{"", "npm", "npm error code ENOTFOUND", "", ""},
    Saying{"bash", "py", "ModuleNotFoundError: No module named '", "'", ""},
};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 200 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) || std::string_view("._-/@=<>~!+[],").contains(static_cast<char>(c));
  });
}

// The package that something is asked of: "lodash" of "lodash/fp", "@types/node" of what is below it. Empty: not of a package.
std::string package_of(std::string_view language, std::string_view asked) {
  if (!is_name(asked)) return "";
  const auto up_to = [asked](std::string_view characters, size_t from = 0) {
    return std::string(asked.substr(0, asked.find_first_of(characters, from)));
  };
  if (language == "js") {
    if (asked.starts_with(".") || asked.starts_with("/")) return "";
    return up_to("/", asked.starts_with("@") ? asked.find('/') + 1 : 0);
  }
  // A name without a dot is as likely a mistake: system.out is no package.
  if (language == "java") {
    const std::string top = up_to(".");
    const bool own = top == "java" || top == "javax" || top == "jdk" || top == "sun";
    return own || top.size() == asked.size() ? "" : std::string(asked);
  }
  if (language == "go") return up_to("/").contains('.') ? std::string(asked) : "";
  if (language == "pip") return up_to("=<>~![");
  if (language == "py") return up_to(".");
  return std::string(asked);
}

void add_entries(std::set<std::string>& names, const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(".") || name.starts_with("_")) continue;
    if (name.starts_with("@")) {
      for (const auto& scoped : fs::directory_iterator(entry.path(), ignored)) {
        names.insert(name + "/" + scoped.path().filename().string());
      }
      continue;
    }
    names.insert(name);
  }
}

void add_python(std::set<std::string>& names, const fs::path& folder) {
  std::set<std::string> entries;
  add_entries(entries, folder);
  for (const std::string& entry : entries) {
    const size_t dot = entry.find('.');
    const std::string ending = dot == entry.npos ? "" : entry.substr(dot);
    if (ending.empty() || ending == ".py" || ending.ends_with(".so")) names.insert(entry.substr(0, dot));
  }
}

// Of each version's folder in `parent`.
void add_pythons(std::set<std::string>& names, const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with("python3.")) continue;
    for (const char* folder : {"", "dist-packages", "site-packages"}) add_python(names, entry.path() / folder);
  }
}

void add_own(std::set<std::string>& names, std::string_view language, const fs::path& own) {
  if (language == "js") {
    add_entries(names, own / "js/node_modules");
  } else if (language == "r") {
    add_entries(names, own / "r");
  } else if (language == "py") {
    add_pythons(names, own / "py/lib");
    add_python(names, own / "py");
  }
}

std::set<std::string> installed(
    std::string_view language, std::span<const fs::path> own, const os::SystemRoot& system) {
  std::set<std::string> names;
  if (language == "js") {
    for (const char* folder :
         {"/usr/share/nodejs", "/usr/lib/node_modules", "/usr/lib/kubecoderun/node/node_modules"}) {
      add_entries(names, system.find(folder));
    }
  } else if (language == "r") {
    for (const char* folder : {"/usr/lib/R/library", "/usr/lib/R/site-library", "/usr/local/lib/R/site-library"})
      add_entries(names, system.find(folder));
  } else if (language == "py") {
    add_python(names, system.find("/usr/lib/python3/dist-packages"));
    for (const char* folder : {"/usr/lib", "/usr/local/lib"}) add_pythons(names, system.find(folder));
  }
  for (const fs::path& directory : own) add_own(names, language, directory);
  return names;
}

std::string closest(const std::string& name, const std::set<std::string>& names) {
  const size_t most_slips = name.size() < 5 ? 1 : 2;
  std::string best;
  size_t least = most_slips + 1;
  for (const std::string& other : names) {
    const size_t difference = std::max(name.size(), other.size()) - std::min(name.size(), other.size());
    if (difference > most_slips) continue;
    const size_t distance = edit_distance(name, other);
    if (distance < least) {
      least = distance;
      best = other;
    }
  }
  return best;
}

}  // namespace

std::optional<MissingPackage> missing_package(std::string_view language, bool failed, std::string_view err) {
  err.remove_prefix(err.size() - std::min(err.size(), most_looked_at));
  for (const Saying& saying : sayings) {
    if (!saying.only.empty() && saying.only != language) continue;
    const bool installer = saying.of == "pip" || saying.of == "npm";
    if (!failed && !installer) continue;
    if (!saying.also.empty() && !err.contains(saying.also)) continue;
    for (size_t at = 0; (at = err.find(saying.before, at)) != err.npos;) {
      at += saying.before.size();
      if (saying.after.empty()) return MissingPackage{std::string(saying.of), ""};
      // What stands between quotes ends with the whole of them; else with one of several characters.
      const bool quoted = saying.after.size() > 1 && !saying.after.contains('\n');
      const size_t end = quoted ? err.find(saying.after, at) : err.find_first_of(saying.after, at);
      std::string name = package_of(saying.of, err.substr(at, end == err.npos ? end : end - at));
      if (!name.empty()) return MissingPackage{std::string(saying.of), std::move(name)};
    }
  }
  return std::nullopt;
}

std::string describe(const MissingPackage& missing, std::span<const fs::path> own, const os::SystemRoot& system) {
  if (missing.name.empty()) {
    return "A sandbox has no network to install from: what is not there already the operator can add with `kubecoderun "
           "packages`.";
  }
  const std::string language = missing.language == "pip" ? "py" : missing.language;
  const std::set<std::string> names = installed(language, own, system);
  if (missing.language != "pip" && names.contains(missing.name)) return "";
  std::string line = fmt::format(
      "{} is not installed, and a sandbox has no network to install it from: the operator can add it{}.", missing.name,
      language == "rs" ? "" : " with `kubecoderun packages`");
  if (const std::string other = closest(missing.name, names); !other.empty() && other != missing.name) {
    line += fmt::format(" What is there and may do: {}.", other);
  }
  return line;
}

}  // namespace ci::execution
