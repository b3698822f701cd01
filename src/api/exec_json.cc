#include "api/exec_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <new>

#include "api/errors.h"
#include "execution/shape.h"
#include "execution/white_space.h"
#include "languages/language.h"

namespace ci::api {

namespace json = boost::json;

namespace {

constexpr std::size_t depth_limit = 256;
constexpr std::size_t most_references = 1000;  // each is looked up, and linked into a workspace
constexpr std::size_t most_arguments = 10000;
constexpr std::size_t entity_limit = 40;
constexpr std::size_t longest_session_name = 128;
std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

// What a document becomes may be many times its size: [0,0,0,… has a value of 16 bytes for two. A request is a few values and long texts,
// which take four times their size at most while they are read.
class BoundedMemory final : public json::memory_resource {
 public:
  explicit BoundedMemory(std::size_t document) : left_(4 * document + (16 << 20)) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (bytes > left_) throw std::bad_alloc();
    void* const place = ::operator new(bytes, std::align_val_t(alignment));
    left_ -= bytes;
    return place;
  }
  void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override {
    ::operator delete(place, bytes, std::align_val_t(alignment));
    left_ += bytes;
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override { return this == &other; }

  std::size_t left_;
};

// In `memory`, which outlives what is returned.
json::object parse_object(std::string_view body, BoundedMemory& memory) try {
  if (body.empty()) throw ApiError::invalid({{"body", "Field required", "missing"}});
  const auto malformed = [](std::size_t offset) {
    return ApiError::invalid({{fmt::format("body -> {}", offset), "JSON decode error", "json_invalid"}});
  };
  json::parse_options options;
  options.max_depth = depth_limit;
  json::stream_parser parser(&memory, options);
  parser.reset(&memory);
  boost::system::error_code error;
  const std::size_t taken = parser.write_some(body.data(), body.size(), error);
  if (error) throw malformed(taken);
  if (const std::size_t extra = body.find_first_not_of(" \t\r\n", taken); extra != body.npos) throw malformed(extra);
  parser.finish(error);
  if (error) throw malformed(body.size());
  json::value value = parser.release();
  if (!value.is_object()) {
    throw ApiError::invalid(
        {{"body", "Input should be a valid dictionary or object to extract fields from", "model_attributes_type"}});
  }
  return std::move(value.as_object());
} catch (const std::bad_alloc&) {
  throw ApiError(413, "Request body too large", {{"body", "Too many values", "too_large"}});
}

// Reads the fields of one object and gathers what is wrong with them.
class Reader {
 public:
  Reader(const json::object& object, std::string path, std::vector<Detail>& problems)
      : object_(object), path_(std::move(path)), problems_(problems) {}

  // The value, or null when there is none.
  const json::value* find(std::string_view name) const { return object_.if_contains(name); }

  std::string required_text(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) {
      problem(name, "Field required", "missing");
      return {};
    }
    return text_of(name, *value);
  }
  std::string optional_text(std::string_view name) {
    const json::value* value = find(name);
    return value == nullptr || value->is_null() ? std::string() : text_of(name, *value);
  }
  // What it is when it is a text; the wrong type is no reason to fail.
  std::string lenient_text(std::string_view name) const {
    const json::value* value = find(name);
    return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
  }

  void problem(std::string_view name, std::string message, std::string code) {
    problems_.push_back({fmt::format("{} -> {}", path_, name), std::move(message), std::move(code)});
  }

 private:
  std::string text_of(std::string_view name, const json::value& value) {
    if (value.is_string()) return std::string(view(value.get_string()));
    problem(name, "Input should be a valid string", "string_type");
    return {};
  }

  const json::object& object_;
  std::string path_;
  std::vector<Detail>& problems_;
};

std::string argument_text(const json::value& value) {
  switch (value.kind()) {
    case json::kind::string:
      return std::string(view(value.get_string()));
    case json::kind::double_: {
      std::string text = fmt::format("{}", value.get_double());
      if (text.find_first_not_of("-0123456789") == text.npos) text += ".0";
      return text;
    }
    default:
      return json::serialize(value);
  }
}

std::vector<std::string> read_arguments(Reader& reader) {
  std::vector<std::string> arguments;
  const auto add = [&](const json::value& value) {
    if (value.is_null()) return;
    std::string text = argument_text(value);
    if (execution::is_blank(text)) return;
    // Programs get their arguments as C strings.
    if (text.contains('\0')) return reader.problem("args", "Arguments cannot contain NUL characters", "value_error");
    arguments.push_back(std::move(text));
  };
  if (const json::value* value = reader.find("args")) {
    if (value->is_array() && value->get_array().size() > most_arguments) {
      reader.problem("args", fmt::format("List should have at most {} items", most_arguments), "too_long");
    } else if (value->is_array()) {
      for (const json::value& item : value->get_array()) add(item);
    } else {
      add(*value);
    }
  }
  return arguments;
}

std::string read_entity(Reader& reader) {
  const json::value* value = reader.find("entity_id");
  std::string entity = reader.optional_text("entity_id");
  if (value == nullptr || !value->is_string()) return entity;
  const auto is_allowed = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; };
  if (entity.size() > entity_limit) {
    reader.problem("entity_id", "String should have at most 40 characters", "string_too_long");
  } else if (entity.empty() || !std::ranges::all_of(entity, is_allowed)) {
    reader.problem("entity_id", "String should match pattern '^[A-Za-z0-9_-]+$'", "string_pattern_mismatch");
  }
  return entity;
}

// What does not fit the pattern is no name; it must never fail a request.
std::string read_session_name(Reader& reader) {
  std::string name = reader.lenient_text("runtime_session_hint");
  const auto is_allowed = [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '_' || c == ':' || c == '-';
  };
  if (name.size() > longest_session_name || !std::ranges::all_of(name, is_allowed)) return {};
  return name;
}

execution::FileReference read_reference(Reader& reader) {
  execution::FileReference reference;
  reference.id = reader.required_text("id");  // older clients send an empty one when they know only the name
  const json::value* name = reader.find("name");
  reference.name = reader.required_text("name");
  if (name != nullptr && name->is_string() && reference.name.empty()) {
    reader.problem("name", "String should have at least 1 character", "string_too_short");
  }
  const std::string older = reader.optional_text("session_id");
  reference.session = reader.optional_text("storage_session_id");
  reference.by_storage_session = !reference.session.empty();
  if (reference.session.empty()) reference.session = older;
  const auto is_absent = [&](std::string_view field) {
    const json::value* value = reader.find(field);
    return value == nullptr || value->is_null() || value->is_string();
  };
  if (reference.session.empty() && is_absent("session_id") && is_absent("storage_session_id")) {
    reader.problem("session_id", "Field required", "missing");
  }
  reference.kind = reader.lenient_text("kind");
  reference.entity = reader.lenient_text("entity_id");
  return reference;
}

std::vector<execution::FileReference> read_references(Reader& reader, std::vector<Detail>& problems) {
  std::vector<execution::FileReference> references;
  const json::value* value = reader.find("files");
  if (value == nullptr || value->is_null()) return references;
  if (!value->is_array()) {
    reader.problem("files", "Input should be a valid list", "list_type");
    return references;
  }
  if (value->get_array().size() > most_references) {
    reader.problem("files", fmt::format("List should have at most {} items", most_references), "too_long");
    return references;
  }
  for (std::size_t i = 0; i < value->get_array().size(); ++i) {
    const json::value& item = value->get_array()[i];
    const std::string path = fmt::format("body -> files -> {}", i);
    if (!item.is_object()) {
      problems.push_back(
          {path, "Input should be a valid dictionary or object to extract fields from", "model_attributes_type"});
      continue;
    }
    Reader fields(item.get_object(), path, problems);
    references.push_back(read_reference(fields));
  }
  return references;
}

std::chrono::milliseconds read_time_limit(Reader& reader, std::chrono::seconds most) {
  const json::value* value = reader.find("timeout");
  if (value == nullptr || value->is_null()) return most;
  if (!value->is_number()) {
    reader.problem("timeout", "Input should be a valid integer", "int_type");
    return most;
  }
  const double wanted = value->is_double()  ? value->get_double()
                        : value->is_int64() ? static_cast<double>(value->get_int64())
                                            : static_cast<double>(value->get_uint64());
  if (!(wanted >= 1)) {
    reader.problem("timeout", "Input should be greater than or equal to 1", "greater_than_equal");
    return most;
  }
  const double seconds = std::ceil(wanted / 1000);
  if (seconds >= static_cast<double>(most.count())) return most;
  return std::chrono::seconds(static_cast<int>(seconds));
}

struct Ending {
  const char* status = nullptr;
  std::string message;
};

// Of all that went wrong the worst.
Ending ending_of(const execution::ExecutionResult& result) {
  const pool::Outcome& outcome = result.outcome;
  switch (outcome.ended) {
    case pool::Ended::exited:
      // A client that reads a file through stdout asks for smaller pieces when it sees this.
      if (result.out_cut) return {"OL", "stdout length exceeded"};
      return {};
    case pool::Ended::signalled:
      return {"SG", "Process terminated by signal " + execution::signal_name(outcome.signal)};
    case pool::Ended::timed_out:
      return {"TO", "Time limit exceeded"};
    case pool::Ended::out_of_memory:
      return {"SG", "Out of memory"};
    case pool::Ended::lost:
      return {"SG", "Sandbox lost"};
    case pool::Ended::interrupted:
      return {"SG", "Execution was interrupted"};
  }
  return {};
}

json::object describe_file(const execution::ResultFile& file) {
  json::object entry;
  entry["id"] = file.id;
  entry["name"] = file.name;
  entry["path"] = nullptr;
  entry["session_id"] = file.session;
  entry["storage_session_id"] = file.session;
  if (file.inherited) entry["inherited"] = true;
  if (!file.modified_from_id.empty()) {
    json::object& origin = entry["modified_from"].emplace_object();
    origin["id"] = file.modified_from_id;
    origin["storage_session_id"] = file.modified_from_session;
  }
  if (!file.entity.empty()) entry["entity_id"] = file.entity;
  return entry;
}

// Fields that only are there when there is something to say.
void describe_missing_files(const execution::ExecutionResult& result, json::object& answer) {
  if (!result.deleted.empty()) {
    json::array& names = answer["deleted_files"].emplace_array();
    for (const std::string& name : result.deleted) names.emplace_back(name);
  }
  if (const execution::Delivery& delivery = result.delivery; delivery.failed() > 0) {
    json::object& told = answer["artifact_delivery"].emplace_object();
    told["code"] = "artifact_delivery_failed";
    told["status"] = delivery.delivered == 0 ? "failed" : "partial";
    told["attempted"] = delivery.attempted;
    told["delivered"] = delivery.delivered;
    told["failed"] = delivery.failed();
  }
  if (const execution::Truncation& truncation = result.truncation; truncation.count > 0) {
    json::object& told = answer["artifact_truncation"].emplace_object();
    told["code"] = "artifact_truncated";
    json::object& reasons = told["reasons"].emplace_object();
    for (const auto& [reason, count] : truncation.reasons) reasons[reason] = count;
    json::array& names = told["skipped"].emplace_array();
    for (const std::string& name : truncation.skipped) names.emplace_back(name);
    told["skipped_count"] = truncation.count;
  }
}

// The fields that every answer has; those about the ending are null.
json::object empty_answer(std::string_view session) {
  json::object answer;
  answer["session_id"] = session;
  answer["storage_session_id"] = session;
  answer["files"].emplace_array();
  answer["stdout"] = "";
  answer["stderr"] = "";
  answer["has_state"] = false;
  for (const char* name : {"state_size", "state_hash", "code", "signal", "status", "message", "wall_time"}) {
    answer[name] = nullptr;
  }
  return answer;
}

}  // namespace

execution::ExecutionRequest parse_execution(
    std::string_view body, std::span<const std::string> languages, std::chrono::seconds time_limit) {
  BoundedMemory memory(body.size());
  const json::object object = parse_object(body, memory);
  std::vector<Detail> problems;
  Reader reader(object, "body", problems);
  execution::ExecutionRequest request;
  request.code = reader.required_text("code");
  const std::string language_name = reader.required_text("lang");
  request.arguments = read_arguments(reader);
  request.caller.user = reader.optional_text("user_id");
  request.entity_id = read_entity(reader);
  request.session_id = reader.optional_text("session_id");
  request.session_name = read_session_name(reader);
  request.files = read_references(reader, problems);
  request.time_limit = read_time_limit(reader, time_limit);
  request.packages = reader.optional_text("packages");
  if (!problems.empty()) throw ApiError::invalid(std::move(problems));

  const languages::Language* language = languages::find(language_name);
  if (language == nullptr || std::ranges::find(languages, language->code) == languages.end()) {
    throw ApiError(
        400, "Unsupported programming language: " + language_name,
        {{"lang",
          fmt::format("Language '{}' is not supported; there are: {}", language_name, fmt::join(languages, ", ")),
          "unsupported_language"}});
  }
  request.language = language->code;
  if (execution::is_blank(request.code)) {
    throw ApiError(400, "Code cannot be empty", {{"code", "Code field is required and cannot be empty", "empty_code"}});
  }
  return request;
}

std::string describe_result(const execution::ExecutionResult& result) {
  json::object answer = empty_answer(result.session);
  json::array& files = answer["files"].get_array();
  for (const execution::ResultFile& file : result.files) files.push_back(describe_file(file));
  describe_missing_files(result, answer);
  answer["stdout"] = result.out;
  answer["stderr"] = result.err;
  if (!result.session_name_digest.empty()) {
    answer["runtime_session_id"] = "rt_" + result.session_name_digest;
    answer["runtime_status"] = result.session_existed ? "reused" : "new";
  }
  const pool::Outcome& outcome = result.outcome;
  const Ending ending = ending_of(result);
  if (outcome.ended == pool::Ended::exited) answer["code"] = outcome.exit_code;
  if (outcome.signal != 0) answer["signal"] = execution::signal_name(outcome.signal);
  if (ending.status != nullptr) {
    answer["status"] = ending.status;
    answer["message"] = ending.message;
  }
  if (result.state) {
    answer["has_state"] = true;
    answer["state_size"] = result.state->size;
    answer["state_hash"] = result.state->hash;
  }
  answer["wall_time"] = std::chrono::ceil<std::chrono::milliseconds>(outcome.wall_time).count();
  return json::serialize(answer);
}

std::string describe_lost_result(std::string_view session, std::string_view reason) {
  json::object answer = empty_answer(session);
  answer["stderr"] = reason;
  return json::serialize(answer);
}

}  // namespace ci::api
