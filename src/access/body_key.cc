#include "access/body_key.h"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>

namespace ci::access {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 3> parameter_names = {"LIBRECHAT_CODE_API_KEY", "api_key", "apiKey"};
constexpr std::size_t longest_key = 8 << 10;
constexpr std::string_view blank = " \t\r\n";

// Hears of every part of the document, and listens to texts at its top level.
struct Listener {
  using text = json::string_view;
  using error = json::error_code;
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  std::array<std::string, parameter_names.size()> found;
  std::size_t depth = 0;
  std::string name;   // of the member we are at; only as much of it as tells it apart
  std::string value;  // of a text there
  std::optional<std::size_t> wanted;

  // One byte above `most` tells that there was more.
  static void add(std::string& to, text part, std::size_t most) {
    to.append(part.data(), std::min(part.size(), most + 1 - to.size()));
  }

  bool on_document_begin(error&) { return true; }
  bool on_document_end(error&) { return true; }
  bool on_object_begin(error&) { return ++depth, true; }
  bool on_object_end(std::size_t, error&) { return --depth, true; }
  bool on_array_begin(error& problem) {
    if (depth == 0) {  // no object
      problem = json::error::syntax;
      return false;
    }
    return ++depth, true;
  }
  bool on_array_end(std::size_t, error&) { return --depth, true; }
  bool on_key_part(text part, std::size_t, error&) {
    if (depth == 1) add(name, part, parameter_names[0].size());
    return true;
  }
  bool on_key(text part, std::size_t size, error& problem) {
    on_key_part(part, size, problem);
    wanted.reset();
    if (depth != 1) return true;
    for (std::size_t i = 0; i < parameter_names.size(); ++i) {
      if (name == parameter_names[i]) wanted = i;
    }
    name.clear();
    return true;
  }
  bool on_string_part(text part, std::size_t, error&) {
    if (depth == 1 && wanted) add(value, part, longest_key);
    return true;
  }
  bool on_string(text part, std::size_t size, error& problem) {
    on_string_part(part, size, problem);
    if (depth != 1 || !wanted) return true;
    const std::size_t begin = value.find_first_not_of(blank);
    if (begin != value.npos && value.size() <= longest_key) {
      found[*wanted] = value.substr(begin, value.find_last_not_of(blank) - begin + 1);
    }
    value.clear();
    return true;
  }
  bool on_number_part(text, error&) { return true; }
  bool on_int64(std::int64_t, text, error&) { return true; }
  bool on_uint64(std::uint64_t, text, error&) { return true; }
  bool on_double(double, text, error&) { return true; }
  bool on_bool(bool, error&) { return true; }
  bool on_null(error&) { return true; }
  bool on_comment_part(text, error&) { return true; }
  bool on_comment(text, error&) { return true; }
};

json::parse_options options() {
  json::parse_options result;
  result.max_depth = 256;
  return result;
}

}  // namespace

class BodyKey::Scanner {
 public:
  bool feed(std::string_view bytes) {
    json::error_code problem;
    parser_.write_some(true, bytes.data(), bytes.size(), problem);
    return !problem && !parser_.done() && parser_.handler().found[0].empty();
  }
  std::optional<std::string> key() const {
    for (const std::string& key : parser_.handler().found) {
      if (!key.empty()) return key;
    }
    return std::nullopt;
  }

 private:
  json::basic_parser<Listener> parser_{options()};
};

BodyKey::BodyKey() : scanner_(std::make_unique<Scanner>()) {}
BodyKey::~BodyKey() = default;
bool BodyKey::feed(std::string_view bytes) { return scanner_->feed(bytes); }
std::optional<std::string> BodyKey::key() const { return scanner_->key(); }

}  // namespace ci::access
