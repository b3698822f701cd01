#pragma once
// The directory a backend keeps its data in.

#include <filesystem>
#include <string>

#include "base/unique_fd.h"

namespace ci::store {

// Opens `directory`, making it (mode 0700) and its parents when missing. What was made has its entry on the disk
// when this returns. Fails with the path in the sentence.
UniqueFd make_directory(const std::filesystem::path& directory);

// Fails as `unavailable` when the file system behind the descriptor is full, or nearly. `where` is for the sentence.
void check_room(int directory, const std::string& where);

}  // namespace ci::store
