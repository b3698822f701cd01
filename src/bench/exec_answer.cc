#include "bench/exec_answer.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace ci::bench {

namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace

ExecAnswer parse_answer(const Reply& reply) {
  ExecAnswer answer;
  answer.status = reply.status;
  json::error_code error;
  const json::value body = json::parse(reply.body, error);
  const json::object* object = error ? nullptr : body.if_object();
  if (object == nullptr) return answer;
  answer.is_json = true;
  answer.out = text_of(*object, "stdout");
  answer.err = text_of(*object, "stderr");
  answer.error = text_of(*object, "error");
  answer.session = text_of(*object, "session_id");
  const json::value* has_state = object->if_contains("has_state");
  answer.has_state = has_state != nullptr && has_state->is_bool() && has_state->get_bool();
  if (const json::value* size = object->if_contains("state_size"); size != nullptr && size->is_number()) {
    answer.state_bytes = size->to_number<double>();
  }
  if (const json::value* files = object->if_contains("files"); files != nullptr && files->is_array()) {
    for (const json::value& file : files->get_array()) {
      if (!file.is_object()) continue;
      AnswerFile entry{text_of(file.get_object(), "id"), text_of(file.get_object(), "name"), ""};
      entry.session = text_of(file.get_object(), "storage_session_id");
      if (entry.session.empty()) entry.session = text_of(file.get_object(), "session_id");
      if (entry.session.empty()) entry.session = answer.session;
      answer.files.push_back(std::move(entry));
    }
  }
  return answer;
}

std::string complaint(const ExecAnswer& answer, std::string_view expected, int files) {
  if (answer.status != 200) return fmt::format("status {} {:.200}", answer.status, answer.error);
  if (!answer.is_json) return "the answer is not JSON";
  if (answer.out != expected) return fmt::format("stdout is \"{:.60}\", stderr \"{:.300}\"", answer.out, answer.err);
  if (static_cast<int>(answer.files.size()) < files) {
    return fmt::format("{} of {} files are missing", files - static_cast<int>(answer.files.size()), files);
  }
  return "";
}

std::string reason_to_skip(const ExecAnswer& answer) {
  if (answer.status == 400 && answer.error.starts_with("Unsupported")) return "the server does not offer it";
  if (const size_t found = answer.err.find("No module named "); answer.status == 200 && found != std::string::npos) {
    return "the server has " + answer.err.substr(found, answer.err.find('\n', found) - found).replace(0, 1, "n");
  }
  // Of a command that a program in Python starts, by its name.
  constexpr std::string_view no_command = "FileNotFoundError: [Errno 2] No such file or directory: '";
  if (const size_t found = answer.err.find(no_command); answer.status == 200 && found != std::string::npos) {
    const size_t begin = found + no_command.size();
    const std::string name = answer.err.substr(begin, answer.err.find('\'', begin) - begin);
    if (name.find_first_of("./") == std::string::npos) return "the server has no command " + name;
  }
  return "";
}

}  // namespace ci::bench
