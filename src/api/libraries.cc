#include "api/libraries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "api/errors.h"
#include "api/json.h"
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
  const auto now = std::chrono::steady_clock::now();
  if (!seen_ || now - seen_->at > kept) {
    const auto look = [this] { return libraries::find_libraries(system_); };
    std::vector<libraries::Library> all = co_await on_pool(blocking_, look);
    seen_.emplace(now, std::move(all));
  }
  std::vector<libraries::Library> wanted;
  for (const libraries::Library& library : seen_->libraries) {
    if (std::ranges::find(languages, library.language) != languages.end()) wanted.push_back(library);
  }
  co_return json_response(200, libraries_json(wanted));
}

}  // namespace ci::api
