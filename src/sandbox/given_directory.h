#pragma once
// Directories of the operator's that programs are given to read: packages (own_packages.h), another system (other_root.h).

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace ci::sandbox {

// What to say where others could change what programs load.
struct GivenRemedies {
  std::string_view of_owner, of_writers;
};

// Who else than root and `owner` could change the entries of that directory, and what to do; empty: nobody. Says nothing of a path
// that is no directory or not there. Looks at the directory alone, not at what is in it.
std::string who_could_change(const std::filesystem::path& directory, uid_t owner, const GivenRemedies& remedies);

}  // namespace ci::sandbox
