#include "app/settings/misspelt.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "app/settings/env_file.h"
#include "base/edit_distance.h"
#include "base/log.h"

namespace ci::app {

namespace {

constexpr size_t shortest_to_compare = 7;
constexpr size_t most_slips = 2;  // letters that are wrong, missing or too many

}  // namespace

std::vector<Misspelt> misspelt_settings(const Variables& variables) {
  std::vector<std::string_view> known;
  for (const Setting& setting : settings_table()) {
    known.push_back(setting.name);
    known.insert(known.end(), setting.aliases.begin(), setting.aliases.end());
  }
  std::vector<Misspelt> found;
  for (const auto& [name, value] : variables) {
    // Short names are close to each other by chance.
    if (name.size() < shortest_to_compare || std::ranges::find(known, name) != known.end()) continue;
    const auto distance_to = [&name](std::string_view other) { return edit_distance(name, other); };
    // Of equals the one of the same length: letters change places more often than they go.
    const auto closeness = [&](std::string_view other) {
      return std::pair(distance_to(other), std::max(name.size(), other.size()) - std::min(name.size(), other.size()));
    };
    const auto best = std::ranges::min_element(known, {}, closeness);
    if (distance_to(*best) <= most_slips) found.push_back({name, std::string(*best)});
  }
  return found;
}

void log_misspelt_settings() {
  Variables variables = variables_of(environ);
  std::ifstream stream(".env", std::ios::binary);
  std::ostringstream text;
  if (stream) text << stream.rdbuf();
  for (auto [name, value] : parse_env_file(text.str()).entries) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    variables.emplace(std::move(name), std::move(value));
  }
  for (const Misspelt& each : misspelt_settings(variables)) {
    log_warning("no such setting", {{"name", each.name}, {"did_you_mean", each.known}});
  }
}

}  // namespace ci::app
