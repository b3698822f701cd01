#pragma once
// Which files a run finds below /mnt/data.

#include <optional>
#include <string>
#include <vector>

#include "execution/execution.h"

namespace ci::execution {

struct Mount {
  Mount(files::FileRecord file, RelativePath path) : record(std::move(file)), name(std::move(path)) {}
  files::FileRecord record;
  RelativePath name;
  bool read_only = false;
  bool referenced = false;          // by the request; else it is the session's own
  bool by_storage_session = false;  // of the reference
  std::string entity;               // of the reference
};

// The decision, pure. `found` has an entry for each reference, nothing where there is no such file; `own` are the
// session's files, oldest first, empty for a new session. Of several files with one name the later reference wins
// over the earlier one, any reference over the session's own, and there the newest. `source_file` belongs to the
// program. References whose file is on record twice count once.
std::vector<Mount> choose_mounts(
    const std::vector<FileReference>& references, const std::vector<std::optional<files::FileRecord>>& found,
    const std::vector<files::FileRecord>& own, std::size_t own_limit, std::string_view source_file);

struct MountedFiles {
  MountedFiles() = default;
  std::vector<Mount> mounts;
  std::vector<pool::InputFile> inputs;  // one for each mount
  std::vector<store::Write> links;      // of foreign files into the session, so that it finds them later
};

// Missing files and unreadable ones are left out, with a line in the log.
awaitable<MountedFiles> mount_files(
    files::SessionFiles& files, const ExecutionRequest& request, const files::Session& session, bool continued,
    std::size_t own_limit);

}  // namespace ci::execution
