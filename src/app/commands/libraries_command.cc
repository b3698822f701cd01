#include "app/commands/libraries_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/libraries.h"
#include "base/failure.h"
#include "base/table.h"
#include "languages/language.h"
#include "libraries/libraries.h"

namespace ci::app {

int list_libraries(const os::SystemRoot& system, const std::string& language, bool json) {
  std::vector<libraries::Library> found = libraries::find_libraries(system);
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
