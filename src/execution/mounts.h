#pragma once
// Which files a run finds below /mnt/data.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "execution/left_out.h"
#include "execution/request.h"
#include "execution/settings.h"
#include "files/session_files.h"
#include "pool/sandbox_pool.h"

namespace ci::execution {

struct Mount {
  Mount(files::FileRecord file, RelativePath path) : record(std::move(file)), name(std::move(path)) {}
  files::FileRecord record;
  RelativePath name;
  bool read_only = false;
  bool referenced = false;               // by the request; else it is the session's own
  bool by_storage_session = false;       // of the reference
  std::string entity;                    // of the reference
  std::string told_name;                 // of the reference, whatever became of it
  std::vector<files::FileRecord> older;  // the session's own of that name, newest first: for when the content is gone
  bool missing = false;                  // it turned out that the program goes without it
};

struct MountRules {
  MountRules() = default;
  std::size_t own_limit = 0;        // so many of the session's own
  std::string_view source_file;     // belongs to the program
  bool whole_session = false;       // also beside references, all files of the session
  std::uint64_t room = UINT64_MAX;  // bytes for all of them together
};

struct Choice {
  Choice() = default;
  std::vector<Mount> mounts;
  std::vector<Unmounted> unmounted;
};

// The decision, pure. `found` has an entry for each reference, nothing where there is no such file; `own` are the
// session's files, oldest first, empty for a new session. Of several files with one name the later reference wins
// over the earlier one, any reference over the session's own, and there the newest. In this order, too, they are given the
// room that there is; of a file that does not fit no older version takes the place. References whose file is on record
// twice count once. What a program removed is not there any more.
Choice choose_mounts(
    const std::vector<FileReference>& references, const std::vector<std::optional<files::FileRecord>>& found,
    const std::vector<files::FileRecord>& own, const MountRules& rules);

struct MountedFiles {
  MountedFiles() = default;
  std::vector<Mount> mounts;  // does not grow or shrink: the inputs know them
  // One for each mount. Opening one whose content is gone takes an older file of that name, or says so in the mount.
  std::vector<pool::InputFile> inputs;
  std::vector<files::FileRecord> own;  // all files of the session, as they were
  std::vector<Unmounted> unmounted;
};

// Missing files are left out, with a line in the log.
awaitable<MountedFiles> mount_files(
    files::SessionFiles& files, const ExecutionRequest& request, const files::Session& session, bool continued,
    const ExecutionSettings& settings);

// `file` itself when it is one of the session, or its link there, among the session's `own`; or null.
const files::FileRecord* own_record(
    const std::vector<files::FileRecord>& own, const files::FileRecord& file, const std::string& session);

// Once the inputs were opened: links of foreign files into the session, so that it finds them later.
std::vector<store::Write> writes_for_mounts(
    const files::SessionFiles& files, const MountedFiles& mounted, const files::Session& session);

}  // namespace ci::execution
