#include "store/sqlite/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/unique_fd.h"

namespace ci::store::sqlite {

void Database::Close::operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Database::Database(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout) : file_(file.string()) {
  // Made here and not by SQLite, which would let others read it; log and shared memory take over the mode.
  // Only where there is none: closing a descriptor of a file takes away all locks that this process has on it, also those of a
  // connection that is open already. Another process would then take itself for the last one and remove the log under us.
  const UniqueFd made(::open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made && errno != EEXIST) throw Failure::from_errno(errno, "making the database " + file_);

  sqlite3* connection = nullptr;
  const int opened = sqlite3_open_v2(file_.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  connection_.reset(connection);
  if (opened != SQLITE_OK) fail(opened, "opening");
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, static_cast<int>(busy_timeout.count()));
  execute("PRAGMA journal_mode=WAL");
  execute("PRAGMA synchronous=FULL");
  execute("PRAGMA temp_store=MEMORY");
  execute("PRAGMA cache_size=-16000");
  // The log keeps its size after a checkpoint: overwriting is a cheaper fdatasync than growing. This bounds it.
  execute("PRAGMA journal_size_limit=67108864");
  // The owner checkpoints between commits, after the callers have their answers. The hook also turns SQLite's own
  // checkpoints off, which would be part of somebody's commit.
  sqlite3_wal_hook(
      connection,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Database*>(self)->pages_in_log_ = pages;
        return SQLITE_OK;
      },
      this);
}

void Database::execute(const char* sql) {
  const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, sql);
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(connection_.get()) == 0; }

void Database::checkpoint() {
  int left = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(connection_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &left, &copied);
  // Busy is another process's checkpoint: as good as ours.
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) fail(code, "copying the log into");
  pages_in_log_ = left - copied;
}

void Database::fail(int code, std::string_view doing) const {
  const char* said = connection_ ? sqlite3_errmsg(connection_.get()) : sqlite3_errstr(code);
  const std::string what = fmt::format("{} the database {}: {} (SQLite code {})", doing, file_, said, code);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw DatabaseFailure(
          FailureKind::unavailable,
          what + ". Another program holds its lock; stop it (`fuser` on the file names it) and try again");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw DatabaseFailure(
          FailureKind::internal,
          what +
              ". The file is damaged: stop the server, move the file and its -wal and -shm companions away, and "
              "start again with a backup or with what `sqlite3 FILE .recover` saves of it");
    case SQLITE_FULL:
      throw DatabaseFailure(
          FailureKind::unavailable, what + ". The disk that holds it is full; free some space or enlarge it");
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      throw DatabaseFailure(
          FailureKind::internal,
          what + ". The server must be able to write this file and its directory; check owner, mode and mount");
    case SQLITE_IOERR:
      throw DatabaseFailure(
          FailureKind::unavailable, what + ". The disk refused; the kernel's log (`dmesg`) should say why");
    default:
      throw DatabaseFailure(FailureKind::internal, what);
  }
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(database.connection_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) database.fail(code, "preparing a statement for");
}

Query::~Query() {
  sqlite3_reset(statement_.statement_.get());
  sqlite3_clear_bindings(statement_.statement_.get());
}

Query& Query::text(std::string_view value) {
  // A null pointer would bind NULL.
  const char* data = value.data() != nullptr ? value.data() : "";
  const int code =
      sqlite3_bind_text64(statement_.statement_.get(), ++bound_, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) statement_.database_.fail(code, "binding text for");
  return *this;
}

Query& Query::blob(std::string_view value) {
  const char* data = value.data() != nullptr ? value.data() : "";
  const int code = sqlite3_bind_blob64(statement_.statement_.get(), ++bound_, data, value.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) statement_.database_.fail(code, "binding a value for");
  return *this;
}

Query& Query::integer(std::int64_t value) {
  const int code = sqlite3_bind_int64(statement_.statement_.get(), ++bound_, value);
  if (code != SQLITE_OK) statement_.database_.fail(code, "binding a number for");
  return *this;
}

Query& Query::integer(std::optional<std::int64_t> value) {
  if (value) return integer(*value);
  ++bound_;  // parameters are NULL until bound
  return *this;
}

bool Query::next() {
  const int code = sqlite3_step(statement_.statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  statement_.database_.fail(code, "using");
}

void Query::run() {
  while (next()) {
  }
}

std::string_view Query::bytes_at(int column) const {
  sqlite3_stmt* statement = statement_.statement_.get();
  const void* data = sqlite3_column_blob(statement, column);
  const int size = sqlite3_column_bytes(statement, column);
  return {static_cast<const char*>(data), data == nullptr ? 0 : static_cast<size_t>(size)};
}

std::int64_t Query::integer_at(int column) const { return sqlite3_column_int64(statement_.statement_.get(), column); }

std::optional<std::int64_t> Query::optional_integer_at(int column) const {
  if (sqlite3_column_type(statement_.statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return integer_at(column);
}

}  // namespace ci::store::sqlite
