#pragma once
// ObjectStore as plain files, for one machine:
//
//   objects/<00..ff>/<key with '+' for '/'>
//   temporary/<random>                          never seen by anybody
//
// Flat and sharded instead of a directory per session: making directories would cost every first file two more
// flushes, and removing them would race with files being added. The shard is a hash of the key's first two segments,
// so that one session's files are found by reading one directory.

#include <filesystem>
#include <memory>

#include "store/filesystem/draft.h"
#include "store/object_store.h"

namespace ci::store::filesystem {

class FilesystemStore final : public ObjectStore {
 public:
  FilesystemStore(const std::filesystem::path& directory, asio::thread_pool& pool);

  using ObjectStore::open;
  using ObjectStore::put;
  awaitable<StoredObject> put(std::string key, ByteSource& source, std::uint64_t limit, Metadata metadata) override;
  awaitable<std::optional<OpenObject>> open(std::string key, Range range) override;
  awaitable<std::optional<ObjectInfo>> head(std::string key) override;
  awaitable<void> remove(std::string key) override;
  awaitable<Page> list(std::string prefix, std::string cursor, int limit) override;
  awaitable<void> ping() override;
  awaitable<Facts> facts() override;

  // Behaves as if the file system had no O_TMPFILE. For tests.
  void without_nameless_files() { place_.nameless = false; }

 private:
  asio::thread_pool& pool_;
  UniqueFd root_;
  UniqueFd temporary_;
  Place place_;
};

std::unique_ptr<ObjectStore> open(const std::filesystem::path& directory, asio::thread_pool& pool);

}  // namespace ci::store::filesystem
