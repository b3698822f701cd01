#pragma once
// SQLite's C interface with owners and sentences. A Database and its Statements are used by one thread at a time.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/failure.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ci::store::sqlite {

// What the database refused, as opposed to what an operation on it refused: it concerns everybody.
class DatabaseFailure : public Failure {
 public:
  using Failure::Failure;
};

class Database {
 public:
  // Opens or makes the file, in WAL mode with every commit on the disk before it returns.
  Database(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const char* sql);
  bool in_transaction() const;
  // Copies committed pages from the log into the database, as far as no reader is in the way.
  void checkpoint();
  int pages_in_log() const { return pages_in_log_; }  // after the last commit

  // Throws a DatabaseFailure that names the file and what to do about `code`.
  [[noreturn]] void fail(int code, std::string_view doing) const;

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* connection) const;
  };

  std::string file_;
  std::unique_ptr<sqlite3, Close> connection_;
  int pages_in_log_ = 0;
};

// Prepared once, run many times through Query.
class Statement {
 public:
  Statement(Database& database, const char* sql);

 private:
  friend class Query;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// One run of a statement. Parameters are bound in their order; bound text must live until the run ends. Ending the
// query resets the statement, which also ends its read transaction.
class Query {
 public:
  explicit Query(Statement& statement) : statement_(statement) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  Query& text(std::string_view value);
  Query& blob(std::string_view value);
  Query& integer(std::int64_t value);
  Query& integer(std::optional<std::int64_t> value);  // nothing: NULL

  bool next();  // false at the end
  void run();   // to the end

  // Of the current row. Valid until the next step.
  std::string_view bytes_at(int column) const;
  std::int64_t integer_at(int column) const;
  std::optional<std::int64_t> optional_integer_at(int column) const;

 private:
  Statement& statement_;
  int bound_ = 0;
};

}  // namespace ci::store::sqlite
