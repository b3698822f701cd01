#include "app/api_key.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "access/api_keys.h"
#include "base/ids.h"
#include "base/sys.h"
#include "base/unique_fd.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* file_name = "api_key";
constexpr int key_bytes = 24;
constexpr size_t shortest_key = 16;

std::optional<std::string> read_key(const fs::path& path) {
  std::ifstream stream(path);
  std::string key;
  if (!(stream >> key)) return std::nullopt;
  return key;
}

// Durable and whole under its name before anybody is told the key.
void write_key(const fs::path& path, const std::string& key) {
  const fs::path temporary = path.string() + ".new";
  const UniqueFd file(sys("making the key file", [&] {
    return ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  }));
  const std::string line = key + "\n";
  const auto written = sys("writing the key file", [&] { return ::write(file.get(), line.data(), line.size()); });
  if (static_cast<size_t>(written) != line.size()) throw Failure::from_errno(ENOSPC, "writing the key file");
  sys("writing the key file", [&] { return ::fsync(file.get()); });
  sys("naming the key file", [&] { return ::rename(temporary.c_str(), path.c_str()); });
  const UniqueFd directory(sys("opening the directory of the key file", [&] {
    return ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }));
  sys("syncing the directory of the key file", [&] { return ::fsync(directory.get()); });
}

std::vector<std::string> keys_of(const Settings& settings) {
  std::vector<std::string> keys;
  if (!settings.api_key.empty()) keys.push_back(settings.api_key);
  keys.insert(keys.end(), settings.api_keys.begin(), settings.api_keys.end());
  return keys;
}

}  // namespace

Keys resolve_keys(const Settings& settings, const fs::path& data_directory) {
  Keys keys;
  keys.accepted = keys_of(settings);
  if (!keys.accepted.empty()) return keys;
  keys.generated = data_directory / file_name;
  std::optional<std::string> key = read_key(keys.generated);
  if (!key && fs::exists(keys.generated) && fs::file_size(keys.generated) > 0) {
    throw Failure(FailureKind::invalid, "reading the key file " + keys.generated.string() + ": permission denied");
  }
  if (!key) {
    key = random_token(key_bytes);
    write_key(keys.generated, *key);
  }
  if (key->size() < shortest_key) {
    throw Failure(
        FailureKind::invalid,
        "the key in " + keys.generated.string() + " has fewer than 16 characters; remove the file to get a new one");
  }
  keys.accepted.push_back(*key);
  return keys;
}

std::optional<std::string> find_key(const Settings& settings) {
  const std::vector<std::string> keys = keys_of(settings);
  if (!keys.empty()) return access::named_key(keys.front()).key;
  return read_key(settings.data_directory / file_name);
}

}  // namespace ci::app
