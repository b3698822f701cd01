#pragma once
// KeyValueStore in one SQLite file, records.sqlite3, for one machine. One connection writes and one reads, each used
// by one pool thread at a time. Writes that arrive while a commit is on its way to the disk wait and share the next
// commit: one fdatasync for all of them, a result for each.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/unique_fd.h"
#include "store/key_value_store.h"

namespace ci::store::sqlite {

struct Options {
  Options() = default;
  std::function<std::chrono::system_clock::time_point()> now = [] { return std::chrono::system_clock::now(); };
  std::chrono::milliseconds busy_timeout{5000};
  std::chrono::seconds purge_interval{60};  // at most so often, after a write
};

// Counts what the disk did, for tests and metrics.
struct Counts {
  std::uint64_t operations = 0;  // writes that callers waited for
  std::uint64_t commits = 0;     // transactions they took
};

class SqliteStore final : public KeyValueStore {
 public:
  SqliteStore(const std::filesystem::path& directory, asio::thread_pool& pool, Options options);
  ~SqliteStore() override;

  awaitable<std::optional<std::string>> get(std::string key) override;
  awaitable<std::optional<Fields>> get_fields(std::string key) override;
  awaitable<std::vector<std::optional<Fields>>> get_fields_of_all(std::vector<std::string> keys) override;
  awaitable<std::vector<std::string>> members(std::string key) override;
  awaitable<std::optional<std::chrono::milliseconds>> remaining(std::string key) override;
  awaitable<void> write(std::vector<Write> writes) override;
  awaitable<bool> write_if(std::vector<Condition> conditions, std::vector<Write> writes) override;
  awaitable<bool> set_if_absent(std::string key, std::string value, Ttl ttl) override;
  awaitable<bool> remove_if_equal(std::string key, std::string expected) override;
  awaitable<std::int64_t> increment(std::string key, std::int64_t by, Ttl window) override;
  awaitable<Counted> increment_all(std::vector<Counter> counters) override;
  awaitable<bool> take_place(
      std::string key, std::string holder, std::int64_t most, std::chrono::milliseconds lease) override;
  awaitable<void> leave_place(std::string key, std::string holder) override;
  awaitable<Page> scan_members(std::string key, std::string cursor, int limit) override;
  awaitable<Page> scan(std::string prefix, std::string cursor, int limit) override;
  awaitable<void> ping() override;
  awaitable<Facts> facts() override;

  Counts counts() const;

 private:
  class Reader;
  class Writer;

  asio::thread_pool& pool_;
  std::string where_;
  UniqueFd directory_;
  // Shared with the job on the pool that commits: the store may go while its last commit runs.
  std::shared_ptr<Writer> writer_;
  std::unique_ptr<Reader> reader_;
};

std::unique_ptr<KeyValueStore> open(const std::filesystem::path& directory, asio::thread_pool& pool, Options options);

}  // namespace ci::store::sqlite
