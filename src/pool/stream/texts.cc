#include "pool/stream/texts.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "base/failure.h"

namespace ci::pool {

namespace json = boost::json;

namespace {

constexpr std::array<std::pair<Ended, std::string_view>, 6> endings = {{
    {Ended::exited, "exited"},
    {Ended::signalled, "signalled"},
    {Ended::timed_out, "timed_out"},
    {Ended::out_of_memory, "out_of_memory"},
    {Ended::lost, "lost"},
    {Ended::interrupted, "interrupted"},
}};

[[noreturn]] void fail(const char* what) { throw Failure(FailureKind::invalid, std::string("a run's ") + what); }

json::object parse(std::string_view text) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  json::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error || !value.is_object()) fail("message is no JSON object");
  return std::move(value.get_object());
}

std::string text(const json::object& from, std::string_view field) {
  const json::value* value = from.if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

bool flag(const json::object& from, std::string_view field) {
  const json::value* value = from.if_contains(field);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::uint64_t number(const json::object& from, std::string_view field) {
  const json::value* value = from.if_contains(field);
  if (value == nullptr) return 0;
  if (value->is_uint64()) return value->get_uint64();
  if (value->is_int64() && value->get_int64() >= 0) return static_cast<std::uint64_t>(value->get_int64());
  fail("message has a number that is none");
}

int small_number(const json::object& from, std::string_view field) {
  const json::value* value = from.if_contains(field);
  return value != nullptr && value->is_int64() ? static_cast<int>(value->get_int64()) : 0;
}

// Times beyond some weeks are nobody's meaning.
std::chrono::milliseconds milliseconds(const json::object& from, std::string_view field) {
  return std::chrono::milliseconds(std::min<std::uint64_t>(number(from, field), 10'000'000'000));
}

std::chrono::microseconds microseconds(const json::object& from, std::string_view field) {
  return std::chrono::microseconds(std::min<std::uint64_t>(number(from, field), 10'000'000'000'000));
}

const json::array& list(const json::object& from, std::string_view field) {
  static const json::array none;
  const json::value* value = from.if_contains(field);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

std::vector<std::string> texts(const json::object& from, std::string_view field) {
  std::vector<std::string> result;
  for (const json::value& one : list(from, field)) {
    if (one.is_string()) result.emplace_back(one.get_string());
  }
  return result;
}

json::array array_of(const std::vector<std::string>& texts) { return json::array(texts.begin(), texts.end()); }

StatedInput input_of(const json::object& from) {
  StatedInput input;
  input.name = text(from, "name");
  input.size = number(from, "size");
  input.read_only = flag(from, "read_only");
  return input;
}

}  // namespace

void sort_inputs(std::vector<InputFile>& inputs) {
  std::ranges::stable_partition(inputs, [](const InputFile& input) { return input.size <= largest_small_input; });
}

std::string program_text(const std::string& language, const Program& program) {
  json::object object;
  object["language"] = language;
  object["code"] = program.code;
  object["args"] = array_of(program.arguments);
  json::array& inputs = object["inputs"].emplace_array();
  for (const InputFile& input : program.inputs) {
    json::object one;
    one["name"] = input.name.text();
    one["size"] = input.size;
    if (input.read_only) one["read_only"] = true;
    inputs.push_back(std::move(one));
  }
  if (program.state) {
    json::object& state = object["state"].emplace_object();
    state["largest"] = program.state->largest;
    state["before"] = program.state->before != nullptr;
    state["after_errors"] = program.state->after_errors;
  }
  object["calls"] = program.calls;
  object["time_limit_ms"] = program.time_limit.count();
  object["compile_limit_ms"] = program.compile_limit.count();
  object["memory_limit"] = program.memory_limit;
  object["output_file_limit"] = program.output_file_limit;
  object["output_file_count"] = program.output_file_count;
  return json::serialize(object);
}

StatedProgram read_program(std::string_view from) {
  const json::object object = parse(from);
  StatedProgram program;
  program.language = text(object, "language");
  program.code = text(object, "code");
  program.arguments = texts(object, "args");
  for (const json::value& one : list(object, "inputs")) {
    if (!one.is_object()) fail("list of files is none");
    program.inputs.push_back(input_of(one.get_object()));
  }
  if (const json::value* state = object.if_contains("state"); state != nullptr && state->is_object()) {
    program.largest_state = number(state->get_object(), "largest");
    program.state_before = flag(state->get_object(), "before");
    program.state_after_errors = flag(state->get_object(), "after_errors");
  }
  program.calls = flag(object, "calls");
  program.time_limit = milliseconds(object, "time_limit_ms");
  program.compile_limit = milliseconds(object, "compile_limit_ms");
  program.memory_limit = number(object, "memory_limit");
  program.output_file_limit = number(object, "output_file_limit");
  program.output_file_count = static_cast<std::uint32_t>(number(object, "output_file_count"));
  if (program.time_limit.count() == 0) fail("program has no time limit");
  return program;
}

std::string word_text(const Word& word) {
  json::object object;
  if (const auto* answer = std::get_if<Answer>(&word)) {
    object["word"] = "answer";
    object["number"] = answer->number;
    object["result"] = answer->result;
  } else if (const auto* thaw = std::get_if<Thaw>(&word)) {
    object["word"] = "thaw";
    if (thaw->time_limit) object["time_limit_ms"] = thaw->time_limit->count();
  } else {
    object["word"] = std::holds_alternative<Freeze>(word) ? "freeze" : "interrupt";
  }
  return json::serialize(object);
}

Word read_word(std::string_view from) {
  const json::object object = parse(from);
  const std::string kind = text(object, "word");
  if (kind == "answer") return Answer(static_cast<std::uint32_t>(number(object, "number")), text(object, "result"));
  if (kind == "freeze") return Freeze();
  if (kind == "interrupt") return Interrupt();
  if (kind != "thaw") fail("word is unknown");
  Thaw thaw;
  if (object.contains("time_limit_ms")) thaw.time_limit = milliseconds(object, "time_limit_ms");
  return thaw;
}

std::string outcome_text(const Outcome& outcome) {
  json::object object;
  const auto ending = std::ranges::find(endings, outcome.ended, &std::pair<Ended, std::string_view>::first);
  object["ended"] = ending->second;
  object["exit_code"] = outcome.exit_code;
  object["signal"] = outcome.signal;
  object["while_compiling"] = outcome.while_compiling;
  object["wall_us"] = outcome.wall_time.count();
  object["compile_us"] = outcome.compile_time.count();
  object["cpu_us"] = outcome.cpu_time.count();
  object["peak_memory"] = outcome.peak_memory;
  object["state_captured"] = outcome.state_captured;
  object["state_unusable"] = outcome.state_unusable;
  object["state_note"] = outcome.state_note;
  object["unplaced"] = array_of(outcome.unplaced);
  json::array& steps = object["steps"].emplace_array();
  for (const auto& [name, time] : outcome.steps) steps.push_back(json::array{name, time});
  return json::serialize(object);
}

Outcome read_outcome(std::string_view from) {
  const json::object object = parse(from);
  Outcome outcome;
  const std::string ended = text(object, "ended");
  const auto ending = std::ranges::find(endings, ended, &std::pair<Ended, std::string_view>::second);
  if (ending == endings.end()) fail("end is unknown");
  outcome.ended = ending->first;
  outcome.exit_code = small_number(object, "exit_code") & 0xff;
  outcome.signal = small_number(object, "signal");
  outcome.while_compiling = flag(object, "while_compiling");
  outcome.wall_time = microseconds(object, "wall_us");
  outcome.compile_time = microseconds(object, "compile_us");
  outcome.cpu_time = microseconds(object, "cpu_us");
  outcome.peak_memory = number(object, "peak_memory");
  outcome.state_captured = flag(object, "state_captured");
  outcome.state_unusable = flag(object, "state_unusable");
  outcome.state_note = text(object, "state_note");
  outcome.unplaced = texts(object, "unplaced");
  for (const json::value& step : list(object, "steps")) {
    if (!step.is_array() || step.get_array().size() != 2) continue;
    const json::value &name = step.get_array()[0], &time = step.get_array()[1];
    json::error_code error;
    const auto count = time.to_number<std::uint64_t>(error);
    if (name.is_string() && !error) outcome.steps.emplace_back(std::string(name.get_string()), count);
  }
  return outcome;
}

std::string file_text(const OutputFile& file) {
  json::object object;
  object["name"] = file.name;
  object["size"] = file.size;
  object["written"] = file.written;
  return json::serialize(object);
}

StatedInput read_file(std::string_view from, bool& written) {
  const json::object object = parse(from);
  written = flag(object, "written");
  StatedInput file = input_of(object);
  if (file.name.empty() || file.name.contains('\0')) fail("file has no name");
  return file;
}

std::string collected_text(const Collected& collected) {
  json::object object;
  object["complete"] = collected.complete;
  object["gone"] = array_of(collected.gone);
  json::array& counts = object["skipped_files"].emplace_array();
  for (const std::uint32_t count : collected.skipped_files) counts.push_back(count);
  json::array& skipped = object["skipped"].emplace_array();
  for (const Skipped& one : collected.skipped) {
    json::object entry;
    entry["name"] = one.name;
    entry["reason"] = static_cast<int>(one.reason);
    entry["files"] = one.files;
    skipped.push_back(std::move(entry));
  }
  return json::serialize(object);
}

Collected read_collected(std::string_view from) {
  const json::object object = parse(from);
  Collected collected;
  collected.complete = flag(object, "complete");
  collected.gone = texts(object, "gone");
  std::size_t reason = 0;
  for (const json::value& count : list(object, "skipped_files")) {
    if (reason == left_out_reasons) break;
    json::error_code error;
    collected.skipped_files[reason++] = count.to_number<std::uint32_t>(error);
  }
  for (const json::value& one : list(object, "skipped")) {
    if (!one.is_object()) continue;
    const std::uint64_t why = number(one.get_object(), "reason");
    if (why >= left_out_reasons) continue;
    const auto files = static_cast<std::uint32_t>(number(one.get_object(), "files"));
    collected.skipped.emplace_back(text(one.get_object(), "name"), static_cast<LeftOut>(why), files);
  }
  return collected;
}

std::string call_text(const Call& call) {
  json::object object;
  object["number"] = call.number;
  object["request"] = call.request;
  return json::serialize(object);
}

Call read_call(std::string_view from) {
  const json::object object = parse(from);
  Call call(static_cast<std::uint32_t>(number(object, "number")), text(object, "request"));
  if (call.request.size() > longest_call) fail("call is too long");
  return call;
}

}  // namespace ci::pool
