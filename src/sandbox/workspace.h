#pragma once
// Reading and writing below a directory that a hostile program has shaped. Used by the agent, inside the sandbox:
// before the guest runs (placing) and after every guest process is dead (collecting), so nothing moves meanwhile.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/relative_path.h"
#include "base/unique_fd.h"

namespace ci::sandbox {

// Copies all of `source` (a regular file, or a stream that is read to its end) to `name` below `directory`, making
// parents. Everything belongs to `owner`. False when there is no room: then the file is not there.
bool place_file(int directory, const RelativePath& name, int source, bool read_only, uid_t owner);

// Whether something that is no directory is called `name`, whatever it is. A name that cannot be looked at is taken to
// be there.
bool is_there(int directory, const RelativePath& name);

struct Found {
  RelativePath name;
  std::uint64_t size;
};

struct CollectLimits {
  std::uint64_t file_bytes;
  std::uint32_t files;
};

// The regular files below `directory`, sorted by name: one link, on the same device, at most 10 levels deep; hidden
// names and dependency folders (node_modules …) are passed over, symbolic links never followed. Looks at 100,000
// entries at most.
std::vector<Found> find_files(int directory, const CollectLimits& limits);

// Opens one for reading and checks again what find_files() saw; none when it is not what it was.
UniqueFd open_found(int directory, const Found& file);

}  // namespace ci::sandbox
