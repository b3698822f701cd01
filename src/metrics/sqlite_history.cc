#include "metrics/sqlite_history.h"

#include <fmt/format.h>

#include <array>
#include <mutex>

#include "store/sqlite/database.h"

namespace ci::metrics {

namespace {

using std::chrono::system_clock;
using store::sqlite::Database;
using store::sqlite::Query;
using store::sqlite::Statement;

constexpr int layout = 2;
constexpr int rows_per_prune = 2000;
constexpr std::int64_t since_ever = -1;  // in place of an hour

std::int64_t hours_of(Hour hour) { return hour.time_since_epoch().count(); }
std::int64_t milliseconds_of(system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::string table_of_sums(const char* name) {
  std::string sql = fmt::format(
      "CREATE TABLE IF NOT EXISTS {} (hour INTEGER NOT NULL, api_key_hash TEXT NOT NULL, language TEXT NOT NULL", name);
  for (const NamedTotal& each : named_totals) sql += fmt::format(", {} INTEGER NOT NULL", each.name);
  return sql + ", PRIMARY KEY (hour, api_key_hash, language)) STRICT, WITHOUT ROWID";
}

std::string upsert(const char* table) {
  std::string names, values = "?1, ?2, ?3", sums;
  for (int number = 4; const NamedTotal& each : named_totals) {
    names += fmt::format(", {}", each.name);
    values += fmt::format(", ?{}", number++);
    sums += fmt::format("{0}{1} = {1} + excluded.{1}", sums.empty() ? "" : ", ", each.name);
  }
  return fmt::format(
      "INSERT INTO {} (hour, api_key_hash, language{}) VALUES ({}) ON CONFLICT DO UPDATE SET {}", table, names, values,
      sums);
}

// Used by one pool thread at a time, behind the lock.
class Tables {
 public:
  explicit Tables(const std::filesystem::path& file)
      : database_(file, std::chrono::seconds(5)),
        schema_(database_),
        insert_(
            database_,
            "INSERT OR IGNORE INTO executions (execution_id, session_id, api_key_hash, language, status, "
            "execution_time_ms,"
            " memory_peak_mb, cpu_time_ms, container_source, files_uploaded, files_generated, output_size_bytes,"
            " state_size_bytes, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"),
        add_to_hour_(database_, upsert("hourly_sums").c_str()),
        add_to_day_(database_, upsert("daily_sums").c_str()),
        add_to_activity_(database_, upsert("hourly_activity").c_str()),
        count_(
            database_,
            "INSERT INTO hourly_counts (hour, name, count) VALUES (?1, ?2, ?3)"
            " ON CONFLICT DO UPDATE SET count = count + excluded.count"),
        counts_(database_, "SELECT hour, name, count FROM hourly_counts WHERE hour >= ?1 AND hour < ?2"),
        prune_runs_(
            database_,
            "DELETE FROM executions WHERE rowid IN (SELECT rowid FROM executions WHERE created_at < ?1 LIMIT ?2)"
            " RETURNING 1"),
        prune_hours_(database_, "DELETE FROM hourly_sums WHERE hour < ?1"),
        prune_days_(database_, "DELETE FROM daily_sums WHERE hour < ?1"),
        prune_activity_(database_, "DELETE FROM hourly_activity WHERE hour < ?1"),
        prune_counts_(database_, "DELETE FROM hourly_counts WHERE hour < ?1 AND hour <> -1") {}

  void add(const History::Batch& batch) {
    database_.execute("BEGIN IMMEDIATE");
    try {
      Cells sums;
      for (const RunRecord& run : batch.runs) {
        const Cell cell = cell_of(run);
        const std::string_view status = cell.totals.succeeded   ? "completed"
                                        : cell.totals.timed_out ? "timeout"
                                                                : "failed";
        const std::string_view source = cell.totals.warm ? "pool_hit" : cell.totals.cold ? "pool_miss" : "";
        Query(insert_)
            .text(run.id)
            .text(run.session)
            .text(run.key)
            .text(run.language)
            .text(status)
            .integer(std::int64_t{run.total_time.count() / 1000})
            .integer(static_cast<std::int64_t>(run.peak_memory >> 20))
            .integer(std::int64_t{run.cpu_time.count() / 1000})
            .text(source)
            .integer(static_cast<std::int64_t>(run.inputs.size()))
            .integer(static_cast<std::int64_t>(run.files))
            .integer(static_cast<std::int64_t>(run.output_bytes))
            .integer(static_cast<std::int64_t>(run.state_bytes))
            .integer(milliseconds_of(run.begin))
            .run();
        if (batch.details) sums.push_back(cell);
      }
      add_sums(add_to_hour_, gathered(sums, By::hour | By::key | By::language));
      add_sums(add_to_activity_, gathered(sums, By::hour | By::key));
      for (Cell& cell : sums) cell.hour = std::chrono::floor<std::chrono::days>(cell.hour);
      add_sums(add_to_day_, gathered(sums, By::hour | By::key | By::language));
      for (const auto& [hour, counts] : batch.counts) {
        for (const auto& [name, count] : counts) {
          Query(count_).integer(hours_of(hour)).text(name).integer(count).run();
          Query(count_).integer(since_ever).text(name).integer(count).run();
        }
      }
      database_.execute("COMMIT");
    } catch (...) {
      if (database_.in_transaction()) database_.execute("ROLLBACK");
      throw;
    }
    if (database_.pages_in_log() > 1000) database_.checkpoint();
  }

  Cells cells(const Span& span, const std::string& key, By by) {
    const Hour begin = std::chrono::floor<std::chrono::hours>(span.begin),
               end = std::chrono::ceil<std::chrono::hours>(span.end);
    const Hour first_day = std::min<Hour>(std::chrono::ceil<std::chrono::days>(begin), end);
    const Hour after_days = std::max<Hour>(std::chrono::floor<std::chrono::days>(end), first_day);
    Cells found;
    Query query(sums_by(by));
    query.integer(hours_of(begin)).integer(hours_of(end)).text(key);
    if (!has(by, By::hour)) query.integer(hours_of(first_day)).integer(hours_of(after_days));
    while (query.next()) {
      Cell& cell = found.emplace_back();
      if (has(by, By::hour)) cell.hour = Hour(std::chrono::hours(query.integer_at(0)));
      cell.key = query.bytes_at(1);
      cell.language = query.bytes_at(2);
      int column = 3;
      for (const NamedTotal& each : named_totals) cell.totals.*each.field = query.integer_at(column++);
    }
    return found;
  }

  std::map<Hour, Counts> counts(std::int64_t begin, std::int64_t end) {
    std::map<Hour, Counts> found;
    Query query(counts_);
    query.integer(begin).integer(end);
    while (query.next()) {
      Counts& counts = found[Hour(std::chrono::hours(query.integer_at(0)))];
      counts[std::string(query.bytes_at(1))] = query.integer_at(2);
    }
    return found;
  }

  // In pieces, so that writers get their turn: true while there is more to do.
  bool prune(system_clock::time_point oldest_run, system_clock::time_point oldest_sum) {
    int removed = 0;
    {
      Query query(prune_runs_);
      query.integer(milliseconds_of(oldest_run)).integer(std::int64_t{rows_per_prune});
      while (query.next()) ++removed;
    }
    const std::int64_t oldest = hours_of(std::chrono::floor<std::chrono::hours>(oldest_sum));
    for (Statement* prune : {&prune_hours_, &prune_activity_, &prune_days_}) Query(*prune).integer(oldest).run();
    Query(prune_counts_).integer(oldest).run();
    return removed == rows_per_prune;
  }

 private:
  struct Schema {
    explicit Schema(Database& database) {
      database.execute(
          "BEGIN IMMEDIATE;"
          "CREATE TABLE IF NOT EXISTS executions ("
          "  execution_id TEXT NOT NULL UNIQUE, session_id TEXT, api_key_hash TEXT, user_id TEXT, entity_id TEXT,"
          "  language TEXT NOT NULL, status TEXT NOT NULL, execution_time_ms INTEGER, memory_peak_mb INTEGER,"
          "  cpu_time_ms INTEGER, container_source TEXT, files_uploaded INTEGER, files_generated INTEGER,"
          "  output_size_bytes INTEGER, state_size_bytes INTEGER, created_at INTEGER NOT NULL) STRICT;"
          "CREATE INDEX IF NOT EXISTS executions_created_at ON executions (created_at);"
          "CREATE TABLE IF NOT EXISTS hourly_counts ("
          "  hour INTEGER NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (hour, name)) STRICT, "
          "WITHOUT ROWID;"
          "COMMIT");
      // By hour, key and language; the same of whole days (by their first hour); and by hour and key: a month is a few thousand rows
      // of one of the latter, and the first is only read where it begins and ends in the middle of a day.
      for (const char* table : {"hourly_sums", "daily_sums", "hourly_activity"})
        database.execute(table_of_sums(table).c_str());
      Statement version(database, "PRAGMA user_version");
      Query query(version);
      query.next();
      const std::int64_t found = query.integer_at(0);
      if (found == 1) add_up(database);
      if (found < layout) {
        database.execute(fmt::format("PRAGMA user_version={}", layout).c_str());
      } else if (found != layout) {
        throw Failure(
            FailureKind::internal,
            fmt::format("the history has layout {}, this program knows layout {}: move the file away", found, layout));
      }
    }

    // The first layout had the sums of hours alone.
    static void add_up(Database& database) {
      std::string sums;
      for (const NamedTotal& each : named_totals) sums += fmt::format(", sum({})", each.name);
      database.execute(
          fmt::format(
              "BEGIN IMMEDIATE; DELETE FROM daily_sums; DELETE FROM hourly_activity;"
              "INSERT INTO daily_sums SELECT hour - hour % 24, api_key_hash, language{0} FROM hourly_sums GROUP BY 1, "
              "2, 3;"
              "INSERT INTO hourly_activity SELECT hour, api_key_hash, ''{0} FROM hourly_sums GROUP BY 1, 2; COMMIT",
              sums)
              .c_str());
    }
  };

  static void add_sums(Statement& statement, const Cells& cells) {
    for (const Cell& cell : cells) {
      Query add(statement);
      add.integer(hours_of(cell.hour)).text(cell.key).text(cell.language);
      for (const NamedTotal& each : named_totals) add.integer(cell.totals.*each.field);
      add.run();
    }
  }

  // The database adds up: what it hands over is as little as is asked for.
  Statement& sums_by(By by) {
    const auto number = static_cast<std::size_t>(by);
    if (sums_[number]) return *sums_[number];
    const auto column = [&](By one, const char* name, const char* otherwise) {
      return has(by, one) ? name : otherwise;
    };
    std::string sql = fmt::format(
        "SELECT {}, {}, {}", column(By::hour, "hour", "0"), column(By::key, "api_key_hash", "''"),
        column(By::language, "language", "''"));
    for (const NamedTotal& each : named_totals) sql += fmt::format(", coalesce(sum({}), 0)", each.name);
    const auto rows = [](const char* table, const char* begin, const char* end) {
      return fmt::format(
          "SELECT * FROM {} WHERE hour >= {} AND hour < {} AND (?3 = '' OR api_key_hash = ?3)", table, begin, end);
    };
    std::string wanted = rows("hourly_activity", "?1", "?2");
    if (!has(by, By::hour)) {
      wanted = rows("hourly_sums", "?1", "?4") + " UNION ALL " + rows("daily_sums", "?4", "?5") + " UNION ALL " +
               rows("hourly_sums", "?5", "?2");
    }
    sql += " FROM (" + wanted + ") GROUP BY 1, 2, 3";
    sums_[number] = std::make_unique<Statement>(database_, sql.c_str());
    return *sums_[number];
  }

  Database database_;
  Schema schema_;  // before the statements, which need the tables
  Statement insert_, add_to_hour_, add_to_day_, add_to_activity_, count_, counts_;
  Statement prune_runs_, prune_hours_, prune_days_, prune_activity_, prune_counts_;
  std::array<std::unique_ptr<Statement>, 8> sums_;
};

class SqliteHistory final : public History {
 public:
  SqliteHistory(const std::filesystem::path& file, asio::thread_pool& pool, Retention retention)
      : pool_(pool), retention_(retention), tables_(file) {}

  awaitable<void> add(const Batch& batch) override {
    auto work = [&] {
      const std::lock_guard lock(mutex_);
      tables_.add(batch);
    };
    co_await on_pool(pool_, work);
  }

  awaitable<Cells> cells(Span span, std::string key, By by) override {
    auto work = [&] {
      const std::lock_guard lock(mutex_);
      return tables_.cells(span, key, by);
    };
    co_return co_await on_pool(pool_, work);
  }

  awaitable<std::map<Hour, Counts>> counts(Span span) override {
    const std::int64_t begin = hours_of(std::chrono::floor<std::chrono::hours>(span.begin));
    const std::int64_t end = hours_of(std::chrono::ceil<std::chrono::hours>(span.end));
    auto work = [&] {
      const std::lock_guard lock(mutex_);
      return tables_.counts(begin, end);
    };
    co_return co_await on_pool(pool_, work);
  }

  awaitable<Counts> all_counts() override {
    auto work = [&] {
      const std::lock_guard lock(mutex_);
      return tables_.counts(since_ever, since_ever + 1);
    };
    const auto found = co_await on_pool(pool_, work);
    if (found.empty()) co_return Counts();
    co_return found.begin()->second;
  }

  awaitable<void> prune(system_clock::time_point now) override {
    auto work = [&] {
      const std::lock_guard lock(mutex_);
      return tables_.prune(now - retention_.runs, now - retention_.sums);
    };
    while (co_await on_pool(pool_, work)) {
    }
  }

 private:
  asio::thread_pool& pool_;
  Retention retention_;
  std::mutex mutex_;
  Tables tables_;
};

}  // namespace

std::unique_ptr<History> open_sqlite_history(
    const std::filesystem::path& file, asio::thread_pool& pool, Retention retention) {
  return std::make_unique<SqliteHistory>(file, pool, retention);
}

}  // namespace ci::metrics
