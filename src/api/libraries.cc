#include "api/libraries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "api/auth.h"
#include "api/errors.h"
#include "api/json.h"
#include "api/key_limits.h"
#include "languages/language.h"

namespace ci::api {

namespace json = boost::json;

namespace {

// What is installed while the server runs is seen after this time.
constexpr std::chrono::minutes kept{1};

}  // namespace

json::object libraries_json(const std::vector<libraries::Library>& found) {
  json::object body;
  json::array& list = body["libraries"].emplace_array();
  for (const libraries::Library& library : found) {
    json::object one;
    one["language"] = library.language;
    one["name"] = library.name;
    one["version"] = library.version;
    if (!library.imports.empty()) one["imports"] = json::array(library.imports.begin(), library.imports.end());
    list.push_back(std::move(one));
  }
  return body;
}

std::vector<std::filesystem::path> LibraryPlaces::packages_with(const std::string& set) const {
  std::vector<std::filesystem::path> directories;
  if (!set.empty()) directories.push_back(package_sets / set);
  if (!packages.empty()) directories.push_back(packages);
  return directories;
}

awaitable<net::Response> LibraryRoutes::list(net::Request& request) {
  std::vector<std::string> languages = pool_.languages();
  if (const auto name = request.query_value("language")) {
    const languages::Language* language = languages::find(*name);
    if (language == nullptr || std::ranges::find(languages, language->code) == languages.end()) {
      const std::string known = fmt::format("{}", fmt::join(languages, ", "));
      throw ApiError(
          400, fmt::format("Unsupported programming language: {}", *name),
          {{"language", "There are: " + known, "unsupported_language"}});
    }
    languages = {std::string(language->code)};
  }
  const std::string asked(request.query_value("packages").value_or(""));
  const std::string set = package_set_of(principal_of(request), asked, pool_);
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(seen_, [&](const auto& one) { return now - one.second.at > kept; });
  if (!seen_.contains(set)) {
    const std::vector<std::filesystem::path> own = places_.packages_with(set);
    const auto look = [&] { return libraries::find_libraries(places_.system, own); };
    std::vector<libraries::Library> all = co_await on_pool(blocking_, look);
    seen_.insert_or_assign(set, Seen{now, std::move(all)});
  }
  std::vector<libraries::Library> wanted;
  for (const libraries::Library& library : seen_.at(set).libraries) {
    if (std::ranges::find(languages, library.language) != languages.end()) wanted.push_back(library);
  }
  co_return json_response(200, libraries_json(wanted));
}

}  // namespace ci::api
