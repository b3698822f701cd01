#pragma once
// Reading and writing below a directory that a hostile program has shaped. Used by the agent, inside the sandbox:
// before the guest runs (placing) and after every guest process is dead (collecting), so nothing moves meanwhile.

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/left_out.h"
#include "base/relative_path.h"
#include "base/unique_fd.h"

namespace ci::sandbox {

// By which a file that was placed is told from one that the program wrote.
struct Placed {
  ino_t inode = 0;
  timespec modified{}, changed{};
};
using PlacedFiles = std::map<std::string, Placed, std::less<>>;  // by name

// Copies all of `source` (a regular file, or a stream that is read to its end) to `name` below `directory`, making
// parents. Everything belongs to `owner`. Nothing when there is no room: then the file is not there.
std::optional<Placed> place_file(int directory, const RelativePath& name, int source, bool read_only, uid_t owner);

// Whether something that is no directory is called `name`, whatever it is. A name that cannot be looked at is taken to
// be there.
bool is_there(int directory, const RelativePath& name);

struct Found {
  std::string name;  // as the program made it: any bytes but NUL, segments joined by '/'
  std::uint64_t size;
  bool written;  // false: placed, and not written to since
};

// Something that is no result, and how many files are meant by it.
struct Skipped {
  std::string name;  // a folder's ends with '/'
  LeftOut reason;
  std::uint32_t files;
};

struct CollectLimits {
  std::uint64_t file_bytes;
  std::uint32_t files;
};

struct Search {
  std::vector<Found> found;                              // sorted by name
  std::vector<Skipped> skipped;                          // the first most_skipped of them
  std::array<std::uint32_t, left_out_reasons> counts{};  // of all that were skipped, by reason
  bool complete = true;                                  // everything was looked at

  void skip(const std::string& name, LeftOut reason, std::uint32_t files = 1);
};
inline constexpr std::size_t most_skipped = 60;

// The regular files below `directory`, on the same device and at most 10 levels deep. Hidden names are passed over without a
// word, folders of dependencies and builds (node_modules …) with one; symbolic links are never followed. Of files that
// were placed, those in such places are found when they were changed, and none counts as skipped as long as it was not.
// Looks at 100,000 entries at most.
Search find_files(int directory, const CollectLimits& limits, const PlacedFiles& placed);

// Opens one for reading and checks again what find_files() saw; none when it is not what it was.
UniqueFd open_found(int directory, const Found& file);

}  // namespace ci::sandbox
