#include "app/commands/libraries_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "api/libraries.h"
#include "app/server/compose.h"
#include "base/failure.h"
#include "base/table.h"
#include "languages/language.h"
#include "libraries/libraries.h"
#include "sandbox/own_packages.h"

namespace ci::app {

namespace {

void check_set(const std::filesystem::path& sets, const std::string& name) {
  std::vector<std::string> there;
  for (const std::filesystem::path& set : sandbox::package_sets(sets)) there.push_back(set.filename());
  if (std::ranges::find(there, name) != there.end()) return;
  const std::string known = there.empty() ? "none" : fmt::format("{}", fmt::join(there, ", "));
  throw Failure(FailureKind::invalid, fmt::format("there is no set of packages \"{}\"; there are: {}", name, known));
}

}  // namespace

int list_libraries(const Settings& settings, const std::string& set, const std::string& language, bool json) {
  const api::LibraryPlaces places = library_places(settings);
  if (!set.empty()) check_set(places.package_sets, set);
  std::vector<libraries::Library> found = libraries::find_libraries(places.system, places.packages_with(set));
  if (!language.empty()) {
    const languages::Language* wanted = languages::find(language);
    if (wanted == nullptr) {
      std::vector<std::string_view> known;
      for (const languages::Language& one : languages::all()) known.push_back(one.code);
      throw Failure(
          FailureKind::invalid,
          fmt::format("there is no language \"{}\"; there are: {}", language, fmt::join(known, ", ")));
    }
    std::erase_if(found, [&](const libraries::Library& library) { return library.language != wanted->code; });
  }
  if (json) {
    fmt::print("{}\n", boost::json::serialize(api::libraries_json(found)));
    return 0;
  }
  Table table;
  table.columns = {{"Language", true}, {"Name", true}, {"Version", true}, {"Imported as", true}};
  for (const libraries::Library& library : found)
    table.add({library.language, library.name, library.version, fmt::format("{}", fmt::join(library.imports, " "))});
  fmt::print("{}", as_text(table));
  return 0;
}

}  // namespace ci::app
