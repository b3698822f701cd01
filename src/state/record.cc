#include "state/record.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <charconv>

#include "base/time_text.h"
#include "store/object_store.h"

namespace ci::state {

namespace json = boost::json;

namespace {

constexpr std::size_t most_modules = 32, longest_module = 64;
constexpr std::size_t most_digits = 6, longest_reason = 100;
const std::string key_prefix = "session:state:";

std::string_view text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

bool is_module(std::string_view name) {
  return !name.empty() && name.size() <= longest_module &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

bool is_version(std::string_view text) {
  return !text.empty() && text.size() < 8 &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) || c == '.'; });
}

void add_module(std::string_view name, Record& record) {
  if (is_module(name) && record.modules.size() < most_modules) record.modules.emplace_back(name);
}

}  // namespace

std::string data_key(std::string_view session) { return key_prefix + std::string(session); }
std::string hash_key(std::string_view session) { return key_prefix + "hash:" + std::string(session); }
std::string record_key(std::string_view session) { return record_prefix + std::string(session); }
std::string uploaded_key(std::string_view session) { return key_prefix + "uploaded:" + std::string(session); }

std::string text_of(const Record& record) {
  json::object object;
  object["size_bytes"] = record.size;
  object["hash"] = record.hash;
  object["created_at"] = iso_time(record.created);
  object["from_upload"] = record.from_upload;
  if (!record.python.empty()) object["python"] = record.python;
  if (!record.modules.empty()) object["modules"] = json::value_from(record.modules);
  if (!record.object.empty()) object["object"] = record.object;
  return json::serialize(object);
}

std::optional<Record> record_from(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::object& object = value.get_object();
  Record record;
  const json::value* size = object.if_contains("size_bytes");
  if (size == nullptr || !size->is_number()) return std::nullopt;
  record.size = size->to_number<std::uint64_t>(error);
  record.hash = text_in(object, "hash");
  const auto created = parse_iso_time(text_in(object, "created_at"));
  if (error || record.hash.empty() || !created) return std::nullopt;
  record.created = *created;
  const json::value* from_upload = object.if_contains("from_upload");
  record.from_upload = from_upload != nullptr && from_upload->is_bool() && from_upload->get_bool();
  if (is_version(text_in(object, "python"))) record.python = text_in(object, "python");
  if (const json::value* modules = object.if_contains("modules"); modules != nullptr && modules->is_array()) {
    for (const json::value& name : modules->get_array()) {
      if (name.is_string()) add_module({name.get_string().data(), name.get_string().size()}, record);
    }
  }
  record.object = text_in(object, "object");
  if (!record.object.empty() && !store::is_object_key(record.object)) return std::nullopt;
  return record;
}

void read_note(std::string_view note, Record& record) {
  note = note.substr(0, note.find(';'));
  const std::size_t space = std::min(note.find(' '), note.size());
  if (is_version(note.substr(0, space))) record.python = note.substr(0, space);
  note.remove_prefix(std::min(space + 1, note.size()));
  while (!note.empty()) {
    const std::size_t comma = std::min(note.find(','), note.size());
    add_module(note.substr(0, comma), record);
    note.remove_prefix(std::min(comma + 1, note.size()));
  }
}

LeftOut left_out_of(std::string_view note) {
  LeftOut left_out;
  const std::size_t begin = note.find(';');
  if (begin == std::string_view::npos) return left_out;
  note.remove_prefix(begin + 1);
  const std::size_t space = std::min(note.find(' '), note.size());
  const std::string_view number = note.substr(0, std::min(space, most_digits));
  std::from_chars(number.data(), number.data() + number.size(), left_out.count);
  note.remove_prefix(std::min(space + 1, note.size()));
  for (const unsigned char c : note.substr(0, longest_reason)) {
    const bool harmless = std::isalnum(c) || std::string_view(" _.:'()-").contains(static_cast<char>(c));
    left_out.first += harmless ? static_cast<char>(c) : '?';
  }
  return left_out;
}

}  // namespace ci::state
