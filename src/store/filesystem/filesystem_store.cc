#include "store/filesystem/filesystem_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "base/sys.h"
#include "store/directory.h"

namespace ci::store::filesystem {

namespace {

constexpr int shards = 256;
// What is read into memory before the pool is asked to write it. Files up to this size take one trip to the pool.
constexpr size_t piece = 256 << 10;

std::string shard_name(unsigned shard) { return fmt::format("{:02x}", shard); }

// FNV-1a over the first two segments. Part of the layout on disk: it must not change.
unsigned shard_of(std::string_view key) {
  const size_t first = key.find('/');
  const size_t second = first == key.npos ? key.npos : key.find('/', first + 1);
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : key.substr(0, second)) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  return static_cast<unsigned>(hash % shards);
}

std::string file_name(std::string_view key) {
  std::string name(key);
  std::ranges::replace(name, '/', '+');
  return name;
}

std::string key_of(std::string_view name) {
  std::string key(name);
  std::ranges::replace(key, '+', '/');
  return key;
}

std::string path_of(std::string_view key) { return shard_name(shard_of(key)) + "/" + file_name(key); }

ObjectInfo info_of(std::string key, const struct stat& status) {
  const auto since_1970 =
      std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  return {
      std::move(key),
      static_cast<std::uint64_t>(status.st_size),
      std::chrono::system_clock::time_point(since_1970),
      {}};
}

// The names in a shard that belong to keys with `prefix` and come after `after`, in order.
std::vector<std::string> names_in(int root, unsigned shard, const std::string& prefix, const std::string& after) {
  const int opened = sys(
      "opening a shard", [&] { return ::openat(root, shard_name(shard).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(opened), &::closedir);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name.starts_with(prefix) && name > after) names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

// A cursor is "<shard>/<last name>".
ObjectStore::Page list_blocking(int root, const std::string& prefix, const std::string& cursor, int limit) {
  const std::string name_prefix = file_name(prefix);
  const bool one_shard = std::ranges::count(prefix, '/') >= 2;
  unsigned shard = one_shard ? shard_of(prefix) : 0;
  const unsigned end = one_shard ? shard + 1 : shards;
  std::string after;
  if (cursor.size() > 3) {
    shard = static_cast<unsigned>(std::strtoul(cursor.substr(0, 2).c_str(), nullptr, 16));
    after = cursor.substr(3);
  }
  ObjectStore::Page page;
  const auto most = static_cast<size_t>(std::max(limit, 1));
  for (; shard < end; ++shard, after.clear()) {
    for (const std::string& name : names_in(root, shard, name_prefix, after)) {
      struct stat status{};
      const std::string path = shard_name(shard) + "/" + name;
      if (::fstatat(root, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) continue;  // removed meanwhile
      if (page.objects.size() == most) {
        page.cursor = shard_name(shard) + "/" + file_name(page.objects.back().key);
        // The last one came from an earlier shard: begin this one from its start.
        if (shard_of(page.objects.back().key) != shard) page.cursor = shard_name(shard) + "/ ";
        return page;
      }
      page.objects.push_back(info_of(key_of(name), status));
    }
  }
  return page;
}

std::string text_of(const Metadata& metadata) {
  std::string text;
  for (const auto& [name, value] : metadata) text += name + '=' + value + '\n';
  return text;
}

Metadata metadata_of(int file) {
  Metadata metadata;
  const std::string text = annotation_of(file);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size()), sign = text.find('=', begin);
    if (sign < end) metadata[text.substr(begin, sign - begin)] = text.substr(sign + 1, end - sign - 1);
    begin = end + 1;
  }
  return metadata;
}

// Some bytes of a file. Without a descriptor to offer: that would be the whole file.
class RangeSource final : public ByteSource {
 public:
  RangeSource(UniqueFd file, std::uint64_t offset, std::uint64_t length, asio::thread_pool& pool)
      : file_(std::move(file)), offset_(offset), left_(length), pool_(pool) {}

  awaitable<size_t> read_some(std::span<std::byte> into) override {
    const size_t wanted = static_cast<size_t>(std::min<std::uint64_t>(into.size(), left_));
    if (wanted == 0) co_return 0;
    auto read = [&] {
      return static_cast<size_t>(sys(
          "reading a file", [&] { return ::pread(file_.get(), into.data(), wanted, static_cast<off_t>(offset_)); }));
    };
    const size_t count = co_await on_pool(pool_, read);
    offset_ += count;
    left_ -= count;
    co_return count;
  }

 private:
  UniqueFd file_;
  std::uint64_t offset_;
  std::uint64_t left_;
  asio::thread_pool& pool_;
};

// Fills `buffer` from the source; less than its size means the end.
awaitable<size_t> fill(ByteSource& source, std::span<std::byte> buffer) {
  size_t filled = 0;
  while (filled < buffer.size()) {
    const size_t got = co_await source.read_some(buffer.subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  co_return filled;
}

}  // namespace

FilesystemStore::FilesystemStore(const std::filesystem::path& directory, asio::thread_pool& pool) : pool_(pool) {
  root_ = make_directory(directory / "objects");
  temporary_ = make_directory(directory / "temporary");
  bool made = false;
  for (unsigned shard = 0; shard < shards; ++shard) {
    if (::mkdirat(root_.get(), shard_name(shard).c_str(), 0700) == 0) {
      made = true;
    } else if (errno != EEXIST) {
      throw Failure::from_errno(errno, "making the shards of " + directory.string());
    }
  }
  // After this, storing a file need not care for the directories above it.
  if (made) sys("flushing " + directory.string(), [&] { return ::fsync(root_.get()); });

  place_.root = root_.get();
  place_.temporary = temporary_.get();
  place_.where = directory.string();
  place_.nameless = can_make_nameless(place_.root, place_.temporary);
  if (const int removed = remove_leftovers(place_.temporary); removed > 0) {
    log_info("removed unfinished files", {{"directory", place_.where}, {"count", removed}});
  }
}

awaitable<StoredObject> FilesystemStore::put(
    std::string key, ByteSource& source, std::uint64_t limit, Metadata metadata) {
  CHECK(is_object_key(key) && is_metadata(metadata));
  metadata.erase(content_type_name);
  const std::string shard = shard_name(shard_of(key));
  const std::string name = file_name(key);
  StoredObject stored;
  const auto finish = [&](Draft& draft) {
    if (!metadata.empty()) draft.annotate(text_of(metadata));
    draft.publish(name);
    stored.size = draft.size();
    stored.sha256 = draft.sha256();
  };

  if (const int descriptor = source.descriptor(); descriptor >= 0) {
    auto whole = [&] {
      Draft draft(place_, shard, limit);
      draft.append_file(descriptor);
      finish(draft);
    };
    co_await on_pool(pool_, whole);
    co_return stored;
  }

  const auto memory = std::make_unique_for_overwrite<std::byte[]>(piece);
  const std::span<std::byte> buffer(memory.get(), piece);
  size_t filled = co_await fill(source, buffer);
  std::unique_ptr<Draft> draft;  // outlives the trips to the pool; its destructor does little
  for (;;) {
    const bool last = filled < piece;
    auto step = [&] {
      if (!draft) draft = std::make_unique<Draft>(place_, shard, limit);
      draft->append(buffer.first(filled));
      if (last) finish(*draft);
    };
    co_await on_pool(pool_, step);
    if (last) break;
    filled = co_await fill(source, buffer);
  }
  co_return stored;
}

awaitable<std::optional<OpenObject>> FilesystemStore::open(std::string key, Range range) {
  CHECK(is_object_key(key));
  const std::string path = path_of(key);
  std::uint64_t size = 0;
  Metadata metadata;
  auto open_file = [&] {
    UniqueFd file(::openat(root_.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file) {
      if (errno == ENOENT) return file;
      throw Failure::from_errno(errno, "opening the object " + key);
    }
    struct stat status{};
    sys("looking at the object " + key, [&] { return ::fstat(file.get(), &status); });
    size = static_cast<std::uint64_t>(status.st_size);
    metadata = metadata_of(file.get());
    return file;
  };
  UniqueFd file = co_await on_pool(pool_, open_file);
  if (!file) co_return std::nullopt;
  std::optional<OpenObject> object;
  if (range.whole()) {
    object.emplace(size, std::make_unique<FileSource>(std::move(file), pool_));
  } else {
    const std::uint64_t begin = std::min(range.offset, size), length = std::min(range.length, size - begin);
    object.emplace(length, std::make_unique<RangeSource>(std::move(file), begin, length, pool_));
    object->total = size;
  }
  object->metadata = std::move(metadata);
  co_return object;
}

awaitable<std::optional<ObjectInfo>> FilesystemStore::head(std::string key) {
  CHECK(is_object_key(key));
  auto look = [&]() -> std::optional<ObjectInfo> {
    const UniqueFd file(::openat(root_.get(), path_of(key).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file) {
      if (errno == ENOENT) return std::nullopt;
      throw Failure::from_errno(errno, "looking at the object " + key);
    }
    struct stat status{};
    sys("looking at the object " + key, [&] { return ::fstat(file.get(), &status); });
    ObjectInfo info = info_of(key, status);
    info.metadata = metadata_of(file.get());
    return info;
  };
  co_return co_await on_pool(pool_, look);
}

// Not flushed: an object that a crash brings back is an orphan without a record, and cleaning up knows those.
awaitable<void> FilesystemStore::remove(std::string key) {
  CHECK(is_object_key(key));
  auto unlink = [&] {
    if (::unlinkat(root_.get(), path_of(key).c_str(), 0) < 0 && errno != ENOENT) {
      throw Failure::from_errno(errno, "removing the object " + key);
    }
  };
  co_await on_pool(pool_, unlink);
}

awaitable<ObjectStore::Page> FilesystemStore::list(std::string prefix, std::string cursor, int limit) {
  auto work = [&] { return list_blocking(root_.get(), prefix, cursor, limit); };
  co_return co_await on_pool(pool_, work);
}

awaitable<void> FilesystemStore::ping() {
  auto look = [&] { check_room(root_.get(), place_.where); };
  co_await on_pool(pool_, look);
}

awaitable<Facts> FilesystemStore::facts() {
  auto look = [&] {
    struct statvfs status{};
    sys("looking at " + place_.where, [&] { return ::fstatvfs(root_.get(), &status); });
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  };
  const std::uint64_t free = co_await on_pool(pool_, look);
  Facts facts;
  facts.emplace_back("backend", "filesystem");
  facts.emplace_back("endpoint", "this machine");
  facts.emplace_back("bucket", std::filesystem::path(place_.where).filename().string());
  facts.emplace_back("bucket_exists", true);
  facts.emplace_back("secure", false);
  facts.emplace_back("free_mb", static_cast<std::int64_t>(free >> 20));
  co_return facts;
}

std::unique_ptr<ObjectStore> open(const std::filesystem::path& directory, asio::thread_pool& pool) {
  return std::make_unique<FilesystemStore>(directory, pool);
}

}  // namespace ci::store::filesystem
