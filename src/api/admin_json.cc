#include "api/admin_json.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "api/errors.h"
#include "base/package_set.h"
#include "languages/codes.h"

namespace ci::api {

namespace json = boost::json;

namespace {

constexpr std::size_t longest_name = 200;
constexpr std::size_t longest_metadata = 16 << 10;
constexpr std::int64_t least_megabytes = 64;  // as for MAX_MEMORY_MB
constexpr std::int64_t largest_number = 1'000'000'000'000;

// Gathers what is wrong with the fields.
class Problems {
 public:
  void add(std::string field, std::string message, std::string code) {
    details_.push_back({std::move(field), std::move(message), std::move(code)});
  }
  void raise() const {
    if (!details_.empty()) throw ApiError::invalid(details_);
  }

  // Null and 0: none.
  std::optional<std::int64_t> number(const json::object& object, std::string_view name, const std::string& path) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    boost::system::error_code error;
    const auto number = value->to_number<std::int64_t>(error);
    const bool good = value->is_number() && !error && number >= 0 && number <= largest_number;
    if (!good) add(fmt::format("{} -> {}", path, name), "Input should be a whole number, 0 or more", "int_type");
    if (!good || number == 0) return std::nullopt;
    return number;
  }
  const json::object* object(const json::object& body, std::string_view name) {
    const json::value* value = body.if_contains(name);
    if (value == nullptr || value->is_null()) return nullptr;
    if (value->is_object()) return &value->get_object();
    add(fmt::format("body -> {}", name), "Input should be an object", "dict_type");
    return nullptr;
  }

 private:
  std::vector<Detail> details_;
};

json::object parse_body(std::string_view body) {
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error) throw ApiError::invalid({{"body", "JSON decode error", "json_invalid"}});
  if (!value.is_object()) throw ApiError::invalid({{"body", "Input should be an object", "dict_type"}});
  return std::move(value.get_object());
}

// Of a list among the ceilings, what `read` makes of each entry: nothing where it has told a problem instead.
template <class Read>
std::vector<std::string> list_of(
    const json::object& ceilings, std::string_view name, std::string_view what, Problems& problems, Read read) {
  const std::string field = fmt::format("body -> ceilings -> {}", name);
  std::vector<std::string> entries;
  const json::value* value = ceilings.if_contains(name);
  if (value == nullptr || value->is_null()) return entries;
  if (!value->is_array()) {
    problems.add(field, fmt::format("Input should be a list of {}", what), "list_type");
    return entries;
  }
  for (const json::value& one : value->get_array()) {
    if (std::optional<std::string> entry = read(field, one)) entries.push_back(std::move(*entry));
  }
  return entries;
}

std::vector<std::string> languages_of(const json::object& ceilings, Problems& problems) {
  const auto read = [&](const std::string& field, const json::value& one) -> std::optional<std::string> {
    const languages::Language* language = nullptr;
    if (one.is_string()) language = languages::find(std::string(one.get_string()));
    if (language != nullptr) return std::string(language->code);
    problems.add(
        field, fmt::format("There is no language {}; there are {}", json::serialize(one), languages::all_codes()),
        "value_error");
    return std::nullopt;
  };
  return list_of(ceilings, "languages", "languages", problems, read);
}

std::vector<std::string> package_sets_of(const json::object& ceilings, Problems& problems) {
  const auto read = [&](const std::string& field, const json::value& one) -> std::optional<std::string> {
    std::string name = one.is_string() ? std::string(one.get_string()) : std::string();
    if (is_package_set_name(name)) return name;
    problems.add(
        field, fmt::format("{} is no name of a set: {}", json::serialize(one), package_set_names), "value_error");
    return std::nullopt;
  };
  return list_of(ceilings, "package_sets", "names of sets of packages", problems, read);
}

void read_name(const json::object& body, bool is_new, access::KeyChange& change, Problems& problems) {
  const json::value* name = body.if_contains("name");
  if (name == nullptr || (name->is_null() && !is_new)) {
    if (is_new) problems.add("body -> name", "Field required", "missing");
    return;
  }
  if (!name->is_string()) return problems.add("body -> name", "Input should be a valid string", "string_type");
  const std::string text(name->get_string());
  if (text.empty()) problems.add("body -> name", "String should have at least 1 character", "string_too_short");
  if (text.size() > longest_name)
    problems.add("body -> name", "String should have at most 200 bytes", "string_too_long");
  change.name = text;
}

void read_metadata(const json::object& body, access::KeyChange& change, Problems& problems) {
  const json::object* metadata = problems.object(body, "metadata");
  if (metadata == nullptr) return;
  for (const auto& entry : *metadata) {
    if (entry.value().is_string()) continue;
    problems.add(
        fmt::format("body -> metadata -> {}", std::string(entry.key())), "Input should be a valid string",
        "string_type");
  }
  std::string text = json::serialize(*metadata);
  if (text.size() > longest_metadata) problems.add("body -> metadata", "No more than 16 KB", "too_long");
  change.metadata = std::move(text);
}

}  // namespace

access::KeyChange parse_key(std::string_view text, bool is_new) {
  const json::object body = parse_body(text);
  Problems problems;
  access::KeyChange change;
  read_name(body, is_new, change, problems);
  if (const json::value* enabled = body.if_contains("enabled"); enabled != nullptr && !enabled->is_null()) {
    if (enabled->is_bool())
      change.enabled = enabled->get_bool();
    else
      problems.add("body -> enabled", "Input should be a valid boolean", "bool_type");
  }
  if (const json::object* limits = problems.object(body, "rate_limits")) {
    change.limits.emplace();
    for (const access::Period period : access::all_periods) {
      (*change.limits)[period] = problems.number(*limits, access::name_of(period), "body -> rate_limits");
    }
  }
  if (const json::object* ceilings = problems.object(body, "ceilings")) {
    const std::string path = "body -> ceilings";
    change.ceilings.emplace();
    change.ceilings->runs_at_once = problems.number(*ceilings, "max_concurrent_runs", path);
    if (const auto seconds = problems.number(*ceilings, "max_execution_seconds", path)) {
      change.ceilings->run_time = std::chrono::seconds(*seconds);
    }
    if (const auto megabytes = problems.number(*ceilings, "max_memory_mb", path)) {
      if (*megabytes < least_megabytes)
        problems.add(path + " -> max_memory_mb", "Input should be 64 or more", "greater_than_equal");
      change.ceilings->memory_bytes = static_cast<std::uint64_t>(*megabytes) << 20;
    }
    change.ceilings->languages = languages_of(*ceilings, problems);
    change.ceilings->package_sets = package_sets_of(*ceilings, problems);
  }
  read_metadata(body, change, problems);
  problems.raise();
  return change;
}

}  // namespace ci::api
