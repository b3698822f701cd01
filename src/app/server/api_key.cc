#include "app/server/api_key.h"

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

void let_read_key(const Account& person, const Account& server, const fs::path& data_directory, const fs::path& file) {
  const std::string doing = "letting the user of sudo read " + file.string();
  const UniqueFd directory(
      sys(doing, [&] { return ::open(data_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  const UniqueFd key(
      sys(doing, [&] { return ::openat(directory.get(), file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); }));
  // The server's account may put anything in this place; root gives away only what can be nothing else.
  struct stat info{};
  sys(doing, [&] { return ::fstat(key.get(), &info); });
  if (!S_ISREG(info.st_mode) || info.st_nlink != 1)
    throw Failure(FailureKind::invalid, file.string() + " is not a plain file");
  sys(doing, [&] { return ::fchown(key.get(), person.user, server.group); });
  sys(doing, [&] { return ::fchmod(key.get(), 0640); });
  // A group that many are in may pass, and finds in there only what is closed to it.
  sys(doing, [&] { return ::fchown(directory.get(), static_cast<uid_t>(-1), person.group); });
  sys(doing, [&] { return ::fchmod(directory.get(), 0710); });
}

std::optional<std::string> find_key(const Settings& settings) {
  const std::vector<std::string> keys = keys_of(settings);
  if (!keys.empty()) return access::named_key(keys.front()).key;
  return read_key(settings.data_directory / file_name);
}

}  // namespace ci::app
