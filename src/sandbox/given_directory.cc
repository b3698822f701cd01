#include "sandbox/given_directory.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace ci::sandbox {

std::string who_could_change(const std::filesystem::path& directory, uid_t owner, const GivenRemedies& remedies) {
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return "";
  if (info.st_uid != 0 && info.st_uid != owner) {
    return fmt::format(
        "{} belongs to user {}, who could change what programs of others load; {}", directory.string(), info.st_uid,
        remedies.of_owner);
  }
  if ((info.st_mode & S_IWOTH) != 0) {
    return fmt::format(
        "everybody may write to {}, and so change what programs of others load; {}", directory.string(),
        remedies.of_writers);
  }
  return "";
}

}  // namespace ci::sandbox
