#include "store/sqlite/sqlite_store.h"

#include <sqlite3.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <mutex>

#include "base/log.h"
#include "store/directory.h"
#include "store/sqlite/database.h"
#include "store/sqlite/records.h"

namespace ci::store::sqlite {

namespace {

constexpr size_t largest_group = 256;
constexpr int pages_before_checkpoint = 1000;
constexpr int rows_per_purge = 500;

Moment moment_of(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

// What a caller wants done inside a transaction. It may run twice, so it must not use up what it captured.
using Operation = std::move_only_function<std::int64_t(Records&, Moment)>;
using Done = std::move_only_function<void(std::exception_ptr, std::int64_t)>;

}  // namespace

class SqliteStore::Writer : public std::enable_shared_from_this<Writer> {
 public:
  Writer(const std::filesystem::path& file, asio::thread_pool& pool, Options options)
      : pool_(pool),
        options_(std::move(options)),
        database_(file, options_.busy_timeout),
        records_(database_),
        begin_(database_, "BEGIN IMMEDIATE"),
        commit_(database_, "COMMIT"),
        last_purge_(std::chrono::steady_clock::now()) {
    while (purge()) {
    }
  }

  // From any thread.
  void submit(Operation operation, Done done) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace_back(std::move(operation), std::move(done));
    ++counts_.operations;
    if (draining_) return;
    draining_ = true;
    asio::post(pool_, [self = shared_from_this()] { self->drain(); });
  }

  Counts counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

  Moment now() const { return moment_of(options_.now()); }

 private:
  struct Pending {
    Pending(Operation work, Done report) : operation(std::move(work)), done(std::move(report)) {}
    Operation operation;
    Done done;
    std::exception_ptr failure;
    std::int64_t result = 0;
  };

  // On a pool thread, one at a time: until nobody waits.
  void drain() {
    std::vector<Pending> group;
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
          draining_ = false;
          return;
        }
        while (!waiting_.empty() && group.size() < largest_group) {
          group.push_back(std::move(waiting_.front()));
          waiting_.pop_front();
        }
        ++counts_.commits;
      }
      commit(group);
      for (Pending& pending : group) pending.done(pending.failure, pending.result);
      group.clear();
      tidy();
    }
  }

  void commit(std::vector<Pending>& group) {
    const Moment time = now();
    // What one operation refuses is that caller's failure: the others start over without it.
    while (!attempt(group, time)) {
    }
  }

  // False: one more of the group has failed, nothing was written.
  bool attempt(std::vector<Pending>& group, Moment time) {
    Pending* current = nullptr;
    try {
      Query(begin_).run();
      for (Pending& pending : group) {
        if (pending.failure) continue;
        current = &pending;
        pending.result = pending.operation(records_, time);
      }
      Query(commit_).run();
      return true;
    } catch (const DatabaseFailure&) {
      for (Pending& pending : group) {
        if (!pending.failure) pending.failure = std::current_exception();
      }
      roll_back();
      return true;
    } catch (...) {
      if (current == nullptr) {
        for (Pending& pending : group) pending.failure = std::current_exception();
        roll_back();
        return true;
      }
      current->failure = std::current_exception();
      roll_back();
      return false;
    }
  }

  void roll_back() noexcept {
    // Some errors make SQLite roll back by itself.
    if (!database_.in_transaction()) return;
    try {
      database_.execute("ROLLBACK");
    } catch (const std::exception& error) {
      log_error("cannot roll back", {{"reason", error.what()}});
    }
  }

  // What can wait until the callers have their answers. Whatever fails here will fail a caller soon enough.
  void tidy() noexcept {
    try {
      if (database_.pages_in_log() >= pages_before_checkpoint) database_.checkpoint();
      const auto time = std::chrono::steady_clock::now();
      if (time - last_purge_ >= options_.purge_interval && !purge()) last_purge_ = time;
    } catch (const std::exception& error) {
      log_warning("cannot tidy the database", {{"reason", error.what()}});
      roll_back();
    }
  }

  // True when there may be more.
  bool purge() {
    Query(begin_).run();
    const int removed = records_.purge(now(), rows_per_purge);
    Query(commit_).run();
    return removed == rows_per_purge;
  }

  asio::thread_pool& pool_;
  const Options options_;
  Database database_;
  Records records_;
  Statement begin_, commit_;
  std::chrono::steady_clock::time_point last_purge_;

  mutable std::mutex mutex_;
  std::deque<Pending> waiting_;
  bool draining_ = false;
  Counts counts_;
};

// Reads do not wait for commits: in WAL mode they see the last one.
class SqliteStore::Reader {
 public:
  Reader(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout)
      : database_(file, busy_timeout), records_(database_) {
    database_.execute("PRAGMA query_only=1");
  }

  template <class Work>
  auto read(Work work) {
    const std::lock_guard lock(mutex_);
    return work(records_);
  }

 private:
  std::mutex mutex_;
  Database database_;
  Records records_;
};

SqliteStore::SqliteStore(const std::filesystem::path& directory, asio::thread_pool& pool, Options options)
    : pool_(pool), where_(directory.string()), directory_(make_directory(directory)) {
  const std::filesystem::path file = directory / "records.sqlite3";
  const auto busy_timeout = options.busy_timeout;
  writer_ = std::make_shared<Writer>(file, pool, std::move(options));
  reader_ = std::make_unique<Reader>(file, busy_timeout);
}

SqliteStore::~SqliteStore() = default;

namespace {

// Suspends until a commit has carried `operation`. The answer is posted to the caller's executor from the pool.
template <class Target>
awaitable<std::int64_t> submit(Target& writer, Operation operation) {
  auto initiate = [&writer, &operation](auto handler) {
    auto work = asio::make_work_guard(handler);
    auto answer = [work = std::move(work), handler = std::move(handler)](
                      std::exception_ptr failure, std::int64_t result) mutable {
      auto executor = work.get_executor();
      asio::post(
          executor, [handler = std::move(handler), failure, result]() mutable { std::move(handler)(failure, result); });
    };
    writer.submit(std::move(operation), std::move(answer));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, std::int64_t)>(
      initiate, asio::use_awaitable);
}

}  // namespace

awaitable<std::optional<std::string>> SqliteStore::get(std::string key) {
  auto work = [&] { return reader_->read([&](Records& records) { return records.get(key, writer_->now()); }); };
  co_return co_await on_pool(pool_, work);
}

awaitable<std::optional<Fields>> SqliteStore::get_fields(std::string key) {
  auto work = [&] { return reader_->read([&](Records& records) { return records.get_fields(key, writer_->now()); }); };
  co_return co_await on_pool(pool_, work);
}

awaitable<std::vector<std::optional<Fields>>> SqliteStore::get_fields_of_all(std::vector<std::string> keys) {
  auto work = [&] {
    return reader_->read([&](Records& records) {
      std::vector<std::optional<Fields>> found;
      found.reserve(keys.size());
      for (const std::string& key : keys) found.push_back(records.get_fields(key, writer_->now()));
      return found;
    });
  };
  co_return co_await on_pool(pool_, work);
}

awaitable<std::vector<std::string>> SqliteStore::members(std::string key) {
  auto work = [&] { return reader_->read([&](Records& records) { return records.members(key, writer_->now()); }); };
  co_return co_await on_pool(pool_, work);
}

awaitable<std::optional<std::chrono::milliseconds>> SqliteStore::remaining(std::string key) {
  auto work = [&] { return reader_->read([&](Records& records) { return records.remaining(key, writer_->now()); }); };
  co_return co_await on_pool(pool_, work);
}

awaitable<KeyValueStore::Page> SqliteStore::scan(std::string prefix, std::string cursor, int limit) {
  auto work = [&] {
    return reader_->read([&](Records& records) { return records.scan(prefix, cursor, limit, writer_->now()); });
  };
  co_return co_await on_pool(pool_, work);
}

awaitable<KeyValueStore::Page> SqliteStore::scan_members(std::string key, std::string cursor, int limit) {
  auto work = [&] {
    return reader_->read([&](Records& records) { return records.scan_members(key, cursor, limit, writer_->now()); });
  };
  co_return co_await on_pool(pool_, work);
}

awaitable<void> SqliteStore::ping() {
  auto work = [&] {
    reader_->read([](Records& records) { records.ping(); });
    check_room(directory_.get(), where_);
  };
  co_await on_pool(pool_, work);
}

awaitable<Facts> SqliteStore::facts() {
  co_await ping();
  Facts facts;
  facts.emplace_back("backend", "sqlite");
  facts.emplace_back("version", ::sqlite3_libversion());
  facts.emplace_back("memory_usage_mb", static_cast<double>(::sqlite3_memory_used()) / (1 << 20));
  co_return facts;
}

awaitable<void> SqliteStore::write(std::vector<Write> writes) {
  if (writes.empty()) co_return;
  Operation operation = [writes = std::move(writes)](Records& records, Moment now) -> std::int64_t {
    for (const Write& each : writes) records.apply(each, now);
    return 0;
  };
  co_await submit(*writer_, std::move(operation));
}

awaitable<bool> SqliteStore::write_if(std::vector<Condition> conditions, std::vector<Write> writes) {
  Operation operation = [conditions = std::move(conditions), writes = std::move(writes)](
                            Records& records, Moment now) -> std::int64_t {
    for (const Condition& each : conditions) {
      if (records.get(each.key, now) != each.value) return 0;
    }
    for (const Write& each : writes) records.apply(each, now);
    return 1;
  };
  const std::int64_t written = co_await submit(*writer_, std::move(operation));
  co_return written != 0;
}

awaitable<bool> SqliteStore::set_if_absent(std::string key, std::string value, Ttl ttl) {
  Operation operation = [key = std::move(key), value = std::move(value), ttl](Records& records, Moment now) {
    return std::int64_t{records.set_if_absent(key, value, ttl, now)};
  };
  const std::int64_t set = co_await submit(*writer_, std::move(operation));
  co_return set != 0;
}

awaitable<bool> SqliteStore::remove_if_equal(std::string key, std::string expected) {
  Operation operation = [key = std::move(key), expected = std::move(expected)](Records& records, Moment now) {
    return std::int64_t{records.remove_if_equal(key, expected, now)};
  };
  const std::int64_t removed = co_await submit(*writer_, std::move(operation));
  co_return removed != 0;
}

awaitable<std::int64_t> SqliteStore::increment(std::string key, std::int64_t by, Ttl window) {
  Operation operation = [key = std::move(key), by, window](Records& records, Moment now) {
    return records.increment(key, by, window, now);
  };
  co_return co_await submit(*writer_, std::move(operation));
}

awaitable<Counted> SqliteStore::increment_all(std::vector<Counter> counters) {
  // The operation outlives this frame when its caller is cancelled.
  auto counted = std::make_shared<Counted>();
  Operation operation = [counters = std::move(counters), counted](Records& records, Moment now) -> std::int64_t {
    *counted = records.increment_all(counters, now);
    return 0;
  };
  co_await submit(*writer_, std::move(operation));
  co_return std::move(*counted);
}

awaitable<bool> SqliteStore::take_place(
    std::string key, std::string holder, std::int64_t most, std::chrono::milliseconds lease) {
  Operation operation = [key = std::move(key), holder = std::move(holder), most, lease](Records& records, Moment now) {
    return std::int64_t{records.take_place(key, holder, most, lease, now)};
  };
  const std::int64_t taken = co_await submit(*writer_, std::move(operation));
  co_return taken != 0;
}

awaitable<void> SqliteStore::leave_place(std::string key, std::string holder) {
  Operation operation = [key = std::move(key), holder = std::move(holder)](
                            Records& records, Moment now) -> std::int64_t {
    records.leave_place(key, holder, now);
    return 0;
  };
  co_await submit(*writer_, std::move(operation));
}

Counts SqliteStore::counts() const { return writer_->counts(); }

std::unique_ptr<KeyValueStore> open(const std::filesystem::path& directory, asio::thread_pool& pool, Options options) {
  return std::make_unique<SqliteStore>(directory, pool, std::move(options));
}

}  // namespace ci::store::sqlite
