#pragma once
// Who uses a data directory. Two servers that know nothing of each other would undo each other's work in one.

#include <filesystem>

#include "base/unique_fd.h"

namespace ci::app {

enum class Sharing {
  none,             // records are kept in it
  between_servers,  // records are elsewhere, and whoever uses the directory asks there first
};

// Holds an existing directory until the descriptor is closed, which the kernel does for a process that is killed. Fails as
// `invalid` when a server holds it already, unless both share it. A file system without locks is used without one.
UniqueFd hold_data_directory(const std::filesystem::path& directory, Sharing sharing);

}  // namespace ci::app
