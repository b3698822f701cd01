#pragma once
// What a run leaves behind and what of it the client gets.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "execution/mounts.h"

namespace ci::execution {

// Takes the files of one run as the sandbox hands them out, then stores those that count. Holds no more than the
// allowed number of them open.
class Collector {
 public:
  // `mounted` and `files` outlive it.
  Collector(
      const ExecutionRequest& request, MountedFiles& mounted, const ExecutionSettings& settings,
      files::SessionFiles& files, asio::thread_pool& blocking);

  awaitable<void> take(pool::OutputFile file);

  // Stores what was kept in `session` and puts all of it on record in one write. What cannot be stored is left out
  // of the result and logged. New and changed files come first, sorted by path, then unchanged inputs.
  awaitable<std::vector<ResultFile>> store(const std::string& session);

  // For a session whose workspace stays: outputs of earlier runs that were mounted and of which the sandbox says that
  // they are `gone` are not mounted again. Uploads are, and so is what another run has made meanwhile.
  awaitable<void> forget_removed(const std::vector<std::string>& gone);

 private:
  struct Kept {
    Kept(pool::OutputFile output, const Mount* input) : file(std::move(output)), mount(input) {}
    pool::OutputFile file;
    const Mount* mount;  // the input that it changes, or null
  };

  bool is_skipped(const pool::OutputFile& file) const;
  Mount* input_named(const RelativePath& name) const;
  void keep(pool::OutputFile file, const Mount* mount);

  awaitable<std::optional<files::FileRecord>> store_one(const std::string& session, Kept& kept) const;

  const ExecutionSettings& settings_;
  files::SessionFiles& files_;
  asio::thread_pool& blocking_;
  MountedFiles& mounted_;
  std::string source_file_;
  std::map<std::string, Kept> kept_;  // by path
  std::vector<const Mount*> unchanged_;
  std::size_t most_kept_;
};

}  // namespace ci::execution
