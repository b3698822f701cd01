#include "libraries/package_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/unique_fd.h"

namespace ci::libraries {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr off_t largest_file = 16 << 20;
constexpr std::size_t most_fields = 1000;

// Not waiting for somebody at the other end of a pipe, nor reading a device.
std::string text_of(const fs::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > largest_file) return "";
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t filled = 0;
  for (ssize_t got; filled < text.size(); filled += static_cast<std::size_t>(got)) {
    got = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got <= 0) break;
  }
  text.resize(filled);
  return text;
}

}  // namespace

std::vector<fs::path> entries(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator place(directory, error), end; !error && place != end; place.increment(error))
    found.push_back(place->path());
  std::ranges::sort(found);
  return found;
}

void for_each_line(const fs::path& file, const std::function<Next(std::string_view)>& look) {
  const std::string text = text_of(file);
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (look(line) == Next::stop) return;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::map<std::string, std::string> fields_of(const fs::path& file) {
  std::map<std::string, std::string> fields;
  for_each_line(file, [&](std::string_view line) {
    if (line.empty() || fields.size() == most_fields) return Next::stop;
    const std::size_t colon = line.find(": ");
    if (colon != line.npos && line.front() != ' ') fields.emplace(line.substr(0, colon), line.substr(colon + 2));
    return Next::go_on;
  });
  return fields;
}

json::object package_json(const fs::path& directory) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  const std::string text = text_of(directory / "package.json");
  std::string_view said = text;
  if (said.starts_with(byte_order_mark)) said.remove_prefix(byte_order_mark.size());
  boost::system::error_code error;
  json::value value = json::parse(said, error);
  return error || !value.is_object() ? json::object() : std::move(value.get_object());
}

std::optional<std::string> node_version(const fs::path& directory) {
  const json::object package = package_json(directory);
  if (package.empty()) return std::nullopt;
  const json::value* version = package.if_contains("version");
  return version != nullptr && version->is_string() ? std::string(version->get_string()) : std::string();
}

}  // namespace ci::libraries
