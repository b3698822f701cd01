#pragma once
// What a run leaves behind and what of it the client gets.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "execution/left_out.h"
#include "execution/mounts.h"
#include "execution/result.h"

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
  // The last word of the sandbox: what it left out, and what is gone.
  void take(pool::Collected collected);
  // A file of our own making, such as "stdout.txt", after all others: it gives way to theirs. Returns the name that it
  // will have; nothing when there is no room for it.
  std::optional<std::string> add(const std::string& name, std::unique_ptr<ByteSource> body, std::uint64_t size);

  // Stores what was kept in `session` and puts all of it on record in one write. What cannot be stored is left out
  // of the result and logged. New and changed files come first, sorted by path, then unchanged inputs.
  awaitable<std::vector<ResultFile>> store(const std::string& session);

  // After store().
  const LeftOutFiles& left_out() const { return left_out_; }
  const Delivery& delivery() const { return delivery_; }

  // Names of the references, as they were given, whose files the program removed. A wrong one loses a user's file, so there
  // are none unless everything was looked at.
  std::vector<std::string> deleted() const;
  // What the program removed is not mounted again in `session` unless a request names it, nor are older files of the
  // name; what another run has made meanwhile is. What this request named and is still there is no longer removed.
  awaitable<void> remember_removed(const std::string& session);

 private:
  struct Kept {
    Kept(pool::OutputFile output, const Mount* input) : file(std::move(output)), mount(input) {}
    pool::OutputFile file;
    const Mount* mount;                // the input that it changes, or null
    std::optional<RelativePath> name;  // under which it is stored
  };

  Mount* input_named(const std::string& name) const;
  void keep(pool::OutputFile file, const Mount* mount);
  void name_all();
  bool is_gone(const Mount& mount) const;

  awaitable<std::optional<files::FileRecord>> store_one(const std::string& session, Kept& kept) const;
  enum class Written { yes, no, perhaps };
  awaitable<Written> commit(const std::string& session, std::vector<store::Write> writes);
  awaitable<void> discard(const std::string& session, const std::vector<files::FileRecord>& useless);
  void tell_inherited(std::vector<ResultFile>& result, std::size_t most);

  const ExecutionSettings& settings_;
  files::SessionFiles& files_;
  asio::thread_pool& blocking_;
  MountedFiles& mounted_;
  std::map<std::string, Kept> kept_;  // by the name that the program gave it
  std::vector<const Mount*> unchanged_;
  std::size_t most_kept_;
  LeftOutFiles left_out_;
  Delivery delivery_;
  std::set<std::string> gone_;
};

}  // namespace ci::execution
