#pragma once
// A file on its way into the store: written and hashed piece by piece, invisible until it is published. Blocking;
// one thread at a time, on the pool. Dropping an unpublished one leaves nothing behind.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/sha256.h"
#include "base/unique_fd.h"

namespace ci::store::filesystem {

// The open directories of a store, and how this file system makes files without a name.
struct Place {
  int root = -1;         // holds a directory per shard
  int temporary = -1;    // names of files that are not published yet
  bool nameless = true;  // O_TMPFILE and linkat work here
  std::string where;     // for sentences
};

class Draft {
 public:
  // More than `limit` bytes fail as `exhausted`.
  Draft(const Place& place, const std::string& shard, std::uint64_t limit);
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft();

  void append(std::span<const std::byte> bytes);
  // Appends the whole file behind `descriptor`.
  void append_file(int descriptor);

  // Kept with the file, as an extended attribute: published and replaced in the same step. `text` is not empty.
  void annotate(const std::string& text);

  // Makes the bytes durable under `name` in the shard, replacing what was there in one step.
  void publish(const std::string& name);

  std::uint64_t size() const { return size_; }
  std::string sha256() { return hash_.hex(); }  // once, at the end

 private:
  bool link_as(int directory, const std::string& name) const;  // false: there is something of that name

  const Place& place_;
  std::string shard_path_;
  std::uint64_t limit_;
  UniqueFd shard_;
  UniqueFd file_;
  std::string temporary_name_;  // empty: it has none
  std::uint64_t size_ = 0;
  Sha256 hash_;
};

// What annotate() kept; empty when there is nothing.
std::string annotation_of(int file);

// Whether files without a name can be made and later linked in `directory`.
bool can_make_nameless(int root, int temporary);

// Removes what crashed processes left among the temporary names; says how many.
int remove_leftovers(int temporary);

}  // namespace ci::store::filesystem
