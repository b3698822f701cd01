#include "store/directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/sys.h"

namespace ci::store {

UniqueFd make_directory(const std::filesystem::path& directory) {
  const std::filesystem::path path = std::filesystem::absolute(directory).lexically_normal();
  const auto open_directory = [&path] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); };
  if (const int existing = open_directory(); existing >= 0) return UniqueFd(existing);
  if (errno != ENOENT) throw Failure::from_errno(errno, "opening the directory " + path.string());

  // An entry is durable once the directory that holds it was synchronised: parents first, one by one.
  const std::filesystem::path name = path.has_filename() ? path : path.parent_path();
  const UniqueFd parent = make_directory(name.parent_path());
  if (::mkdirat(parent.get(), name.filename().c_str(), 0700) < 0 && errno != EEXIST) {
    throw Failure::from_errno(errno, "making the directory " + path.string());
  }
  sys("synchronising the directory " + name.parent_path().string(), [&] { return ::fsync(parent.get()); });
  return UniqueFd(sys("opening the directory " + path.string(), open_directory));
}

}  // namespace ci::store
